-- How many dead letters there are, and how many of them are open, by endpoint and reason; most first:
-- among the newest $11 of the stretch. The last column: the oldest of them, when there may be more behind
-- it. One row at least, its first columns null when nothing was counted; no row: there is no such application.
-- $1 organisation, $2 above this id, $3 below this id, $4 to $10 as in dead_letter_list_down,
-- $11 rows to look at, $12 application's id or null, $13 its uid or null
with d as materialized (
    select app_id, id, endpoint_id, event_type, reason, last_status, replayed_at, discarded_at
    from dead_letter
    where org = $1::text and id > $2::int8 and id < $3::int8
    order by id desc limit (select $11::int4)
)
select s.app_id, s.endpoint_id, s.reason, s.total, s.open, l.id
from (select case when count(*) = $11::int4 then min(id) end as id from d) l
left join lateral (
    select d.app_id, d.endpoint_id, d.reason, count(*)::int8 as total,
        (count(*) filter (where d.replayed_at is null and d.discarded_at is null))::int8 as open
    from d
    where (($4::int8 is null and $5::text is null) or d.endpoint_id = coalesce($4::int8,
            (select e.id from endpoint e
                where e.app_id = d.app_id and e.uid = $5::text and e.deleted_at is null)))
        and ($6::text[] is null or d.event_type = any($6::text[]))
        and ($7::int2 is null or d.reason = $7::int2)
        and ($8::int2 is null or d.last_status / 100 = $8::int2)
        and ($9::bool is null or (d.replayed_at is not null) = $9::bool)
        and ($10::bool is null or (d.discarded_at is not null) = $10::bool)
        and (($12::int8 is null and $13::text is null) or d.app_id = coalesce($12::int8,
            (select id from app where org = $1::text and uid = $13::text and deleted_at is null)))
    group by d.app_id, d.endpoint_id, d.reason) s on true
where ($12::int8 is null and $13::text is null) or exists (select 1 from app a
    where a.org = $1::text and (a.id = $12::int8 or (a.uid = $13::text and a.deleted_at is null)))
order by 4 desc, 1, 2, 3
