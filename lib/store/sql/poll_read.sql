-- A stretch of what a polling endpoint has to read, in its order. A row is in order when no transaction that
-- may append one before it is running: none that runs is older, or those are none of ours ($14, as
-- poll_horizon.sql knows it). Payloads come until they make $12 bytes.
-- Rows: where reading began (position, message); then position, message, whether the row is in order,
-- whether it is selected, event type, eventId, channels, payload, tags, time of
-- delivery, whether it had no room, and whether something waits whose time has come (poll_due.sql). One row with a
-- null position: there is nothing more; no row: there is no such polling endpoint. (A message that has expired
-- is not selected.)
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 consumer to go on for or null, $7 position and $8 message to go on behind, or null, $9 messages above
-- this id, $10 event type or null, $11 channel or null, $12 bytes of payloads, $13 rows to look at,
-- $14 position up to which rows are known to be in order, $15 rows that are wanted, $16 now
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), e as (
    select e.app_id, e.id
    from a join polling_endpoint e on e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8, (select o.id from polling_endpoint o
            where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
), s as (
    select coalesce($7::int8, k.pos, 0) as pos, coalesce($8::int8, k.msg_id, 0) as msg_id,
        greatest($14::int8, poll_pos(pg_snapshot_xmin(pg_current_snapshot()))) as in_order_below,
        exists (select 1 from polled_later w where w.app_id = e.app_id and w.endpoint_id = e.id
            and w.pos is null and w.due <= $16::timestamptz) as waits
    from e left join poll_consumer k on k.app_id = e.app_id and k.endpoint_id = e.id and k.name = $6::text
    offset 0
)
select s.pos, s.msg_id, r.pos, r.msg_id, r.pos < s.in_order_below, r.fits, r.event_type, r.event_id, r.channels,
    case when r.room and r.nth <= $15::int4 then r.payload end, (r.extra).tags,
    (r.extra).deliver_at, r.fits and not r.room, s.waits
from e cross join s
left join lateral (
    select w.*, count(*) filter (where w.fits) over before as nth,
        (sum(octet_length(w.payload)) filter (where w.fits) over before - octet_length(w.payload)
            < $12::int8) is not false as room
    from (
        select p.pos, p.msg_id, m.event_type, m.event_id, m.channels, m.extra,
            payload_kept(m.payload, m.extra) as payload,
            (m.id is not null and p.msg_id > $9::int8
                and ($10::text is null or m.event_type = $10::text)
                and ($11::text is null or $11::text = any(string_to_array(m.channels, ','))))
                is true as fits
        from (
            select b.pos, b.msg_id from (
                (select q.pos, q.msg_id from polled q
                where q.app_id = e.app_id and q.endpoint_id = e.id
                    and (q.pos, q.msg_id) > (s.pos, s.msg_id)
                    -- Of which day it is: positions and ids rise together, but for clocks that differ.
                    and q.msg_id > s.msg_id - (86400000::int8 << 22)
                order by q.pos, q.msg_id limit (select $13::int4))
                union all
                (select w.pos, w.msg_id from polled_later w
                where w.app_id = e.app_id and w.endpoint_id = e.id and w.pos is not null
                    and (w.pos, w.msg_id) > (s.pos, s.msg_id)
                order by w.pos, w.msg_id limit (select $13::int4))) b
            order by b.pos, b.msg_id limit (select $13::int4)) p
        left join lateral (
            select * from message where app_id = e.app_id and id = p.msg_id offset 0) m on true) w
    window before as (order by w.pos, w.msg_id)) r on true
order by r.pos, r.msg_id
