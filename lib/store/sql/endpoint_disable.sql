-- Disables an endpoint for what it answers, or does not, and has that told to who watches (notice). A row: the application's
-- new version; none: it was disabled or deleted before. $1 application, $2 endpoint, $3 reason
with off as (
    update endpoint set disabled = true, disabled_reason = $3::text, updated_at = now()
    where app_id = $1::int8 and id = $2::int8 and not disabled and deleted_at is null
    returning app_id, id, uid
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid, fail_since, reason)
    select a.org, 'endpoint.disabled', a.id, a.uid, off.id, off.uid,
        coalesce(h.failing_since, now()), $3::text
    from off join app a on a.id = off.app_id
    left join hold h on h.app_id = off.app_id and h.endpoint_id = off.id
    where watched(a.org)
)
update app a set version = a.version + 1, changed_at = clock_timestamp()
from off where a.id = off.app_id
returning a.version
