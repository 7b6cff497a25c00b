-- A page of an application's dead letters, by id, either way. One row with a null id: the page is empty;
-- no row: there is no such application. The last columns as in message_list.
-- $1 to $12 as in dead_letter_list, $13 application's id or null, $14 its uid or null,
-- $15 whether a deleted one counts
with a as (
    select id from app
    where id = coalesce($13::int8,
            (select id from app where org = $1::text and uid = $14::text and deleted_at is null))
        and org = $1::text and ($14::text is null or uid = $14::text)
        and (deleted_at is null or $15::bool)
)
select d.id, d.app_id, d.msg_id, d.endpoint_id, d.event_type, d.reason, d.last_status, d.last_error,
    d.attempts, d.first_at, d.last_at, d.replayed_at, d.replayed_by, d.discarded_at, d.discarded_by,
    d.n = $12::int4, not d.fits
from a
left join lateral (
    select * from (
        select d.*, row_number() over (order by d.id {desc|asc}) as n,
            ((($4::int8 is null and $5::text is null) or d.endpoint_id = coalesce($4::int8,
                (select e.id from endpoint e
                    where e.app_id = d.app_id and e.uid = $5::text and e.deleted_at is null)))
            and ($6::text[] is null or d.event_type = any($6::text[]))
            and ($7::int2 is null or d.reason = $7::int2)
            and ($8::int2 is null or d.last_status / 100 = $8::int2)
            and ($9::bool is null or (d.replayed_at is not null) = $9::bool)
            and ($10::bool is null or (d.discarded_at is not null) = $10::bool)) is true as fits
        from (
            select * from dead_letter
            where app_id = a.id and id > $2::int8 and id < $3::int8
            order by id {desc|asc} limit (select $12::int4)) d) d
    where d.fits or d.n = $12::int4
    order by d.id {desc|asc} limit $11::int4) d on true
order by d.id {desc|asc}
