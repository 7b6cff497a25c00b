-- Writes the fields of an event type that $3 names. $1 organisation, $2 name, $3 names,
-- $4 description, $5 archived, $6 deprecated, $7 schemas or null, $8 feature flag or null,
-- $9 other flags or null, $10 group or null
update event_type
set description = case when 'description' = any($3::text[]) then $4::text else description end,
    archived = case when 'archived' = any($3::text[]) then $5::bool else archived end,
    deprecated = case when 'deprecated' = any($3::text[]) then $6::bool else deprecated end,
    schemas = case when 'schemas' = any($3::text[]) then $7::text else schemas end,
    feature_flag = case when 'featureFlag' = any($3::text[]) then $8::text else feature_flag end,
    more_flags = case when 'featureFlag' = any($3::text[]) then $9::text[] else more_flags end,
    group_name = case when 'groupName' = any($3::text[]) then $10::text else group_name end,
    updated_at = clock_timestamp()
where org = $1::text and name = $2::text
returning name, description, archived, deprecated, schemas, feature_flag, more_flags, group_name,
    created_at, updated_at
