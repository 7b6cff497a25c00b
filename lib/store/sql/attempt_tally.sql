-- Writes counts of attempts as they stand now; each row is its writer's alone, and only grows, so that
-- a write which was not answered and comes late takes nothing back. One array for each column.
insert into attempt_tally as t (app_id, endpoint_id, hour, origin, success, fail)
select * from unnest($1::int8[], $2::int8[], $3::timestamptz[], $4::int8[], $5::int8[], $6::int8[])
on conflict (app_id, endpoint_id, hour, origin) do update
set success = greatest(t.success, excluded.success), fail = greatest(t.fail, excluded.fail)
