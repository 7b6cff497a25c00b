-- Writes counts of attempts as they stand now. Each row is its writer's alone and only grows: a write that
-- was not answered and comes late takes nothing back.
-- One array for each column: $1 applications, $2 endpoints, $3 days since 1970, $4 origins, $5 attempts;
-- $6 and $7 successes and failures, 24 for each row
insert into attempt_tally as t (app_id, endpoint_id, day, origin, attempts, success, fail)
select i.app_id, i.endpoint_id, date '1970-01-01' + i.day, i.origin, i.attempts,
    ($6::int4[])[24 * i.n - 23 : 24 * i.n], ($7::int4[])[24 * i.n - 23 : 24 * i.n]
from unnest($1::int8[], $2::int8[], $3::int4[], $4::int8[], $5::int8[])
    with ordinality as i(app_id, endpoint_id, day, origin, attempts, n)
on conflict (app_id, endpoint_id, day, origin) do update
set attempts = excluded.attempts, success = excluded.success, fail = excluded.fail
where t.attempts < excluded.attempts
