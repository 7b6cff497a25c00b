-- One dead letter with the payload of its message and the last answer of its chain. (An id may be an
-- hour younger than one made later by a machine whose clock is behind.)
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select d.id, d.app_id, d.msg_id, d.endpoint_id, d.event_type, d.reason, d.last_status, d.last_error,
    d.attempts, d.first_at, d.last_at, d.replayed_at, d.replayed_by, d.discarded_at, d.discarded_by,
    m.payload, m.payload is null,
    (select t.response from attempt t
        where t.app_id = d.app_id and t.msg_id = d.msg_id and t.endpoint_id + 0 = d.endpoint_id
            and t.chain = d.chain
        order by t.id desc limit 1)
from a
join dead_letter d on d.app_id = a.id and d.id = $4::int8
left join lateral (
    select payload_kept(payload, extra) as payload from message
    where app_id = d.app_id and id = d.msg_id offset 0) m on true
