-- A page of event types, by name, either way. $1 organisation, $2 beyond this name, $3 rows at most,
-- $4 archived ones too, $5 feature flags of the caller (null: all), $6 with schemas
select name, description, archived, deprecated, case when $6::bool then schemas end, feature_flag,
    more_flags, group_name, created_at, updated_at
from event_type
where org = $1::text and name {<|>} $2::text and ($4::bool or not archived)
    and ($5::text[] is null or feature_flag is null or feature_flag = any($5::text[])
        or more_flags && $5::text[])
order by name {desc|asc} limit $3::int4
