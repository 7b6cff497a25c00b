-- Payloads by message, in the order in which they are asked for, as many of them as fit, and the first
-- in any case. A row for each; null when the message or its payload is no more.
-- $1 applications, $2 messages, $3 bytes at most
-- (offset 0: row by row, never a join over all messages. The length of a payload is known without
-- reading it.)
select p.event_type, p.payload
from (
    select i.nth, m.event_type, m.payload,
        coalesce(sum(octet_length(m.payload)) over (order by i.nth), 0) as bytes
    from unnest($1::int8[], $2::int8[]) with ordinality as i(app_id, id, nth)
    left join lateral (
        select event_type, payload_kept(payload, extra) as payload from message where app_id = i.app_id and id = i.id offset 0) m on true
) p
where p.nth = 1 or p.bytes <= $3::int8
order by p.nth
