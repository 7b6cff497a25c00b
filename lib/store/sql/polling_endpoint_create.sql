-- A new polling endpoint, under a new version of its application. No row: there is no such application, or it
-- has as many as it may.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id, $5 uid or null,
-- $6 description, $7 disabled, $8 event types or null, $9 channels or null, $10 metadata, $11 at most
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version
), e as (
    insert into polling_endpoint (app_id, id, uid, description, disabled, event_types, channels, metadata)
    select a.id, $4::int8, $5::text, $6::text, $7::bool, $8::text[], $9::text[], $10::text
    from a
    where (select count(*) from polling_endpoint o where o.app_id = a.id and o.deleted_at is null) < $11::int4
    returning *
)
select e.id, e.app_id, e.uid, e.description, e.disabled, e.event_types, e.channels, e.metadata, e.created_at,
    e.updated_at, a.version
from a left join e on true
