-- Deletes an application, with all that is in it; what voids its tokens goes.
-- $1 organisation, $2 id or null, $3 uid or null
with a as (
    update app set deleted_at = clock_timestamp(), version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version, org, uid
), forgotten as (
    delete from token_void v using a where v.app_id = a.id
)
select id, version from a
