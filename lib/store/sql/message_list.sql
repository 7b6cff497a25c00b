-- A page of an application's messages, by id, either way. One row with a null id: the application is
-- there and the page is empty; no row: there is no such application. Payloads come until they make
-- $9 bytes; rows behind that have none and say so. The last columns: whether reading ended here, after
-- $10 rows that were looked at, and whether the row is there to say so only and not selected.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 above this id,
-- $5 below this id, $6 rows at most, $7 event types or null, $8 channel or null, $9 bytes of payloads,
-- 0: none are wanted, $10 rows to look at, $11 tag or null
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select p.id, p.event_type, p.event_id, p.channels,
    case when p.room then p.kept end, (p.extra).tags, (p.extra).deliver_at,
    p.fits and not p.room and $9::int8 > 0, p.n = $10::int4, not p.fits
from a
left join lateral (
    select f.*, (sum(octet_length(f.kept)) over (order by f.id {desc|asc})
        - octet_length(f.kept) < $9::int8) is not false and $9::int8 > 0 as room
    from (
        select * from (
            select m.*, payload_kept(m.payload, m.extra) as kept,
                row_number() over (order by m.id {desc|asc}) as n,
                (($7::text[] is null or m.event_type = any($7::text[]))
                    and ($8::text is null or $8::text = any(string_to_array(m.channels, ',')))
                    and ($11::text is null or $11::text = any(string_to_array((m.extra).tags, U&'\001F'))))
                    is true as fits
            from (
                select * from message
                where app_id = a.id and id > $4::int8 and id < $5::int8
                order by id {desc|asc} limit (select $10::int4)) m) s
        where s.fits or s.n = $10::int4
        order by s.id {desc|asc} limit $6::int4) f) p on true
order by p.id {desc|asc}
