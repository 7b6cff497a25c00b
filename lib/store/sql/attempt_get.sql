-- One attempt of a message. Columns as in attempt_by_endpoint_down.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 attempt
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
select t.id, t.msg_id, t.endpoint_id, u.url, t.response, t.http_status, t.duration_ms, t.status,
    t.trigger, t.next_at, t.error
from m
cross join lateral (
    select * from attempt where app_id = m.app_id and msg_id = m.id and id = $6::int8 offset 0) t
left join endpoint_url u on u.app_id = t.app_id and u.endpoint_id = t.endpoint_id and u.no = t.url_no
