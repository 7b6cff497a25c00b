-- Replaces the headers of an endpoint, under a new version of its application; who watches is told
-- (notice).
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null,
-- $5 uid or null, $6 headers, $7 the headers that they were made from, or null: whatever there is
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version, org, uid
), e as (
    update endpoint e set headers = $6::text, updated_at = clock_timestamp()
    from a
    where e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8,
            (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
        and ($7::text is null or e.headers = $7::text)
    returning e.app_id, e.id, e.uid, a.version
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.updated', a.id, a.uid, e.id, e.uid from a, e where watched(a.org)
)
select app_id, version from e
