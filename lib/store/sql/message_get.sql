-- One message.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 whether the payload is wanted
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.event_id, m.channels, m.payload, m.extra
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
)
select m.id, m.event_type, m.event_id, m.channels, case when $6::bool then payload_kept(m.payload, m.extra) end,
    (m.extra).tags, (m.extra).deliver_at
from m
