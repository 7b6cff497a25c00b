-- What event_type_import would change. $1 organisation, $2 names, $3 descriptions, $4 deprecated (0 or 1),
-- $5 schemas, $6 feature flags or nulls, $7 other flags, with commas, or nulls, $8 groups or nulls
select i.name
from unnest($2::text[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[])
    with ordinality as i(name, description, deprecated, schemas, flag, more, group_name, no)
left join event_type t on t.org = $1::text and t.name = i.name
where t.name is null or t.archived
    or (t.description, t.deprecated, t.schemas, t.feature_flag, t.more_flags, t.group_name)
        is distinct from (i.description, i.deprecated <> 0, i.schemas, i.flag, string_to_array(i.more, ','),
            i.group_name)
order by i.no
