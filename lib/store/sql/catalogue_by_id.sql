-- An application by its id, deleted or not, with its live endpoints.
-- $1 id
select a.id, a.org, a.uid, a.version, a.deleted_at is not null,
    e.id, e.url, e.url_no, e.disabled, e.event_types, e.channels,
    array(select j.key || ': ' || j.value from json_each_text(e.headers::json) j),
    e.secret, e.old_secrets, e.old_secrets_until, e.retry_schedule, e.timeout_ms, e.max_in_flight,
    e.throttle_rate, e.ordering, e.head_of_line = 'block', h.state, h.slot, a.throttle_rate,
    e.secret_kind, e.old_secret_kinds::int8[]
from app a
left join endpoint e on e.app_id = a.id and e.deleted_at is null and a.deleted_at is null
left join hold h on h.app_id = a.id and h.endpoint_id = e.id
where a.id = $1::int8
order by e.id
