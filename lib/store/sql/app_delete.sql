-- Deletes an application, with all that is in it: who watches is told of its endpoints (notice), and what voids
-- its tokens goes. Under app_lock.sql. (In one step: ten thousand endpoints take a tenth of a second.)
-- $1 organisation, $2 id or null, $3 uid or null
with a as (
    update app set deleted_at = clock_timestamp(), version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version, org, uid
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.deleted', a.id, a.uid, e.id, e.uid
    from a join endpoint e on e.app_id = a.id and e.deleted_at is null
    where watched(a.org)
), forgotten as (
    delete from token_void v using a where v.app_id = a.id
)
select id, version from a
