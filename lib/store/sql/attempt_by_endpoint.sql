-- A page of an endpoint's attempts, by id, either way, each with its message. One row with a null id: the
-- page is empty; no row: there is no such endpoint. Payloads and last columns as in message_list.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 endpoint's id or null,
-- $5 endpoint's uid or null, $6 above this id, $7 below this id, $8 rows at most,
-- $9 event types or null, $10 channel or null, $11 status or null, $12 class of the answer's status or
-- null, $13 bytes of payloads, $14 rows to look at, $15 to $16 the messages' ids,
-- $17 tag or null
-- (offset 0: row by row, never a join over all messages.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), e as (
    select e.app_id, e.id, e.disabled or e.deleted_at is not null as dead
    from a join endpoint e on e.app_id = a.id and e.id = coalesce($4::int8,
        (select o.id from endpoint o
            where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
)
select t.id, t.msg_id, t.endpoint_id, u.url, t.response, t.http_status, t.duration_ms, t.status,
    t.trigger, t.next_at, t.error,
    t.event_type, t.event_id, t.channels, case when t.room then t.kept end, (t.extra).tags,
    (t.extra).deliver_at,
    t.fits and not t.room and $13::int8 > 0, t.n = $14::int4, not t.fits
from e
left join lateral (
    select f.*, (sum(octet_length(f.kept)) over (order by f.id {desc|asc})
        - octet_length(f.kept) < $13::int8) is not false and $13::int8 > 0 as room
    from (
        select s.*, m.event_type, m.event_id, m.channels, m.kept, m.extra
        from (
            select * from (
                select x.*, row_number() over (order by x.id {desc|asc}) as n,
                    (($11::int2 is null or x.status = $11::int2)
                        and ($12::int2 is null or x.http_status / 100 = $12::int2)
                        and (($9::text[] is null and $10::text is null and $17::text is null) or exists (
                            select 1 from message f
                            where f.app_id = x.app_id and f.id = x.msg_id
                                and ($9::text[] is null or f.event_type = any($9::text[]))
                                and ($10::text is null
                                    or $10::text = any(string_to_array(f.channels, ',')))
                                and ($17::text is null
                                    or $17::text = any(string_to_array((f.extra).tags, U&'\001F')))
                            offset 0)))
                        is true as fits
                from (
                    select * from attempt
                    where app_id = e.app_id and endpoint_id = e.id
                        and id > $6::int8 and id < $7::int8
                        and msg_id > $15::int8 and msg_id < $16::int8
                    order by id {desc|asc} limit (select $14::int4)) x) r
            where r.fits or r.n = $14::int4
            order by r.id {desc|asc} limit $8::int4) s
        left join lateral (
            select event_type, event_id, channels, extra, payload_kept(payload, extra) as kept
            from message
            where app_id = s.app_id and id = s.msg_id offset 0) m on true) f) t on true
left join endpoint_url u on u.app_id = e.app_id and u.endpoint_id = e.id and u.no = t.url_no
order by t.id {desc|asc}
