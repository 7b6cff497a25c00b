-- An application by its organisation and its id or uid, with its live endpoints.
-- $1 organisation, $2 id or null, $3 uid or null
select a.id, a.org, a.uid, a.version, a.deleted_at is not null,
    e.id, e.url, e.url_no, e.disabled, e.event_types, e.channels,
    array(select h.key || ': ' || h.value from json_each_text(e.headers::json) h),
    e.secret, e.old_secrets, e.old_secrets_until, e.retry_schedule, e.timeout_ms, e.max_in_flight
from app a
left join endpoint e on e.app_id = a.id and e.deleted_at is null
where a.org = $1::text and a.deleted_at is null
    and ((a.id = $2::int8) or ($3::text is not null and a.uid = $3::text))
order by a.id, e.id
