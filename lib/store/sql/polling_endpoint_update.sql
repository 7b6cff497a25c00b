-- Writes the fields of a polling endpoint that $6 names, under a new version of its application. No row: there
-- is none.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 names, $7 new uid or null, $8 description, $9 disabled, $10 event types or null, $11 channels or null,
-- $12 metadata
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version
)
update polling_endpoint e
set uid = case when 'uid' = any($6::text[]) then $7::text else e.uid end,
    description = case when 'description' = any($6::text[]) then $8::text else e.description end,
    disabled = case when 'disabled' = any($6::text[]) then $9::bool else e.disabled end,
    event_types = case when 'eventTypes' = any($6::text[]) then $10::text[] else e.event_types end,
    channels = case when 'channels' = any($6::text[]) then $11::text[] else e.channels end,
    metadata = case when 'metadata' = any($6::text[]) then $12::text else e.metadata end,
    updated_at = clock_timestamp()
from a
where e.app_id = a.id and e.deleted_at is null
    and e.id = coalesce($4::int8, (select o.id from polling_endpoint o
        where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
returning e.id, e.app_id, e.uid, e.description, e.disabled, e.event_types, e.channels, e.metadata, e.created_at,
    e.updated_at, a.version
