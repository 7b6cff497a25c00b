-- One event type, archived or not. $1 organisation, $2 name, $3 feature flags of the caller (null: all)
select name, description, archived, deprecated, schemas, feature_flag, more_flags, group_name,
    created_at, updated_at
from event_type
where org = $1::text and name = $2::text
    and ($3::text[] is null or feature_flag is null or feature_flag = any($3::text[])
        or more_flags && $3::text[])
