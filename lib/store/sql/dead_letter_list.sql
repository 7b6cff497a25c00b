-- A page of an organisation's dead letters, by id, either way. The last columns as in message_list.
-- $1 organisation, $2 above this id, $3 below this id, $4 endpoint's id or null, $5 its uid or null,
-- $6 event types or null, $7 reason or null, $8 class of the last status or null, $9 whether replayed or
-- null, $10 whether discarded or null, $11 rows at most, $12 rows to look at
select d.id, d.app_id, d.msg_id, d.endpoint_id, d.event_type, d.reason, d.last_status, d.last_error,
    d.attempts, d.first_at, d.last_at, d.replayed_at, d.replayed_by, d.discarded_at, d.discarded_by,
    d.n = $12::int4, not d.fits
from (
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
        where org = $1::text and id > $2::int8 and id < $3::int8
        order by id {desc|asc} limit (select $12::int4)) d) d
where d.fits or d.n = $12::int4
order by d.id {desc|asc} limit $11::int4
