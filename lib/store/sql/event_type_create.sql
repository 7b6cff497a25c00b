-- A new event type, or an archived one brought back; no row when one of that name is in use.
-- $1 organisation, $2 name, $3 description, $4 archived, $5 deprecated, $6 schemas or null,
-- $7 feature flag or null, $8 other flags or null, $9 group or null
insert into event_type (org, name, description, archived, deprecated, schemas, feature_flag, more_flags,
    group_name)
values ($1::text, $2::text, $3::text, $4::bool, $5::bool, $6::text, $7::text, $8::text[],
    $9::text)
on conflict (org, name) do update
set description = excluded.description, archived = excluded.archived,
    deprecated = excluded.deprecated, schemas = excluded.schemas,
    feature_flag = excluded.feature_flag, more_flags = excluded.more_flags,
    group_name = excluded.group_name, updated_at = clock_timestamp()
where event_type.archived
returning name, description, archived, deprecated, schemas, feature_flag, more_flags, group_name,
    created_at, updated_at
