-- Deletes a polling endpoint and its consumers, under a new version of its application. What it had to read
-- goes with the messages. $1 organisation, $2 application's id or null, $3 application's uid or null,
-- $4 id or null, $5 uid or null
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version
), e as (
    update polling_endpoint e set deleted_at = clock_timestamp(), updated_at = clock_timestamp()
    from a
    where e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8, (select o.id from polling_endpoint o
            where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
    returning e.app_id, e.id, a.version
), k as (
    delete from poll_consumer k using e where k.app_id = e.app_id and k.endpoint_id = e.id
)
select e.app_id, e.version from e
