-- How many open dead letters a filter selects, the application that it names (null: none), and whether
-- there may be more: $11 dead letters are looked at, the oldest first.
-- $1 organisation, $2 above this id, $3 below this id, $4 to $8 as in dead_letter_list_down,
-- $9 application's id or null, $10 its uid or null, $11 rows to look at
with a as (
    select id from app
    where id = coalesce($9::int8,
            (select id from app where org = $1::text and uid = $10::text and deleted_at is null))
        and org = $1::text and deleted_at is null
)
select (select id from a), count(*) filter (where d.replayed_at is null and d.discarded_at is null
    and (($4::int8 is null and $5::text is null) or d.endpoint_id = coalesce($4::int8,
        (select e.id from endpoint e
            where e.app_id = d.app_id and e.uid = $5::text and e.deleted_at is null)))
    and ($6::text[] is null or d.event_type = any($6::text[]))
    and ($7::int2 is null or d.reason = $7::int2)
    and ($8::int2 is null or d.last_status / 100 = $8::int2)
    and (($9::int8 is null and $10::text is null) or d.app_id = (select id from a)))::int8,
    count(*) = $11::int4
from (
    select * from dead_letter
    where org = $1::text and id > $2::int8 and id < $3::int8
    order by id limit (select $11::int4)) d
