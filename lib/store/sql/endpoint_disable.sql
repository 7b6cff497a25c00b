-- Disables an endpoint for what it answers, or does not, and has that told to who watches (notice). A row: the application's
-- new version; none: it was disabled or deleted before. Locks in the order of everybody: hold, application,
-- endpoint (endpoint_hold.sql). $1 application, $2 endpoint, $3 reason
with a as (
    update app a set version = a.version + 1, changed_at = clock_timestamp()
    where a.id = $1::int8 and exists (select 1 from endpoint e
        where e.app_id = $1::int8 and e.id = $2::int8 and not e.disabled and e.deleted_at is null)
    returning a.id, a.org, a.uid, a.version
), off as (
    update endpoint e set disabled = true, disabled_reason = $3::text, updated_at = now()
    from a
    where e.app_id = a.id and e.id = $2::int8 and not e.disabled and e.deleted_at is null
    returning e.app_id, e.id, e.uid
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid, fail_since, reason)
    select a.org, 'endpoint.disabled', a.id, a.uid, off.id, off.uid,
        coalesce(h.failing_since, now()), $3::text
    from off join a on a.id = off.app_id
    left join hold h on h.app_id = off.app_id and h.endpoint_id = off.id
    where watched(a.org)
)
select a.version from a join off on off.app_id = a.id
