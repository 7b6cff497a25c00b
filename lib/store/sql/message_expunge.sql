-- Forgets a message's payload. No row: there is no such message.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.event_id, m.channels, m.targets, m.payload
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
)
update message x set payload = null from m where x.app_id = m.app_id and x.id = m.id
returning x.id
