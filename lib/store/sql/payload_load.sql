-- Payloads by message. $1 applications, $2 messages
-- (offset 0: row by row, never a join over all messages.)
select m.id, m.app_id, m.event_type, m.payload
from unnest($1::int8[], $2::int8[]) as i(app_id, id)
cross join lateral (
    select * from message where app_id = i.app_id and id = i.id offset 0) m
