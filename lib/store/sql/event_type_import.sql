-- Event types of an import: new ones are made, those that differ are rewritten, archived ones brought
-- back. Rows: what has changed. $1 organisation, $2 names, $3 descriptions, $4 deprecated (0 or 1), $5 schemas,
-- $6 feature flags or nulls, $7 other flags, with commas, or nulls, $8 groups or nulls
insert into event_type as t (org, name, description, deprecated, schemas, feature_flag, more_flags,
    group_name)
select $1::text, i.name, i.description, i.deprecated <> 0, i.schemas, i.flag, string_to_array(i.more, ','),
    i.group_name
from unnest($2::text[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[])
    as i(name, description, deprecated, schemas, flag, more, group_name)
on conflict (org, name) do update
set description = excluded.description, deprecated = excluded.deprecated, schemas = excluded.schemas,
    feature_flag = excluded.feature_flag, more_flags = excluded.more_flags,
    group_name = excluded.group_name, archived = false, updated_at = clock_timestamp()
where t.archived
    or (t.description, t.deprecated, t.schemas, t.feature_flag, t.more_flags, t.group_name)
        is distinct from (excluded.description, excluded.deprecated, excluded.schemas,
            excluded.feature_flag, excluded.more_flags, excluded.group_name)
returning name
