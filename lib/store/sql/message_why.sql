-- Why an event was not stored: the application's version now (null: deleted or unknown), and the
-- message that its key or its eventId names already.
-- $1 application, $2 key or null, $3 eventId or null, $4 oldest bucket of idempotency,
-- $5 oldest bucket of message_uid
select
    (select a.version from app a where a.id = $1::int8 and a.deleted_at is null),
    k.body, k.msg_id, km.event_type, km.event_id, km.channels, payload_kept(km.payload, km.extra),
    (select u.msg_id from message_uid u where u.app_id = $1::int8 and u.event_id = $3::text
        and u.bucket >= $5::int4 order by u.bucket desc limit 1),
    (km.extra).tags, (km.extra).deliver_at
from (select 1) as one
left join lateral (
    select i.body, i.msg_id from idempotency i
    where i.app_id = $1::int8 and i.key = $2::bytea and i.bucket >= $4::int4
        and exists (select 1 from message x where x.app_id = i.app_id and x.id = i.msg_id offset 0)
    order by i.bucket limit 1) k on true
left join lateral (
    select * from message where app_id = $1::int8 and id = k.msg_id offset 0) km on true
