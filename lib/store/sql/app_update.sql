-- Writes the fields of an application that $4 names (name, throttleRate, uid, metadata,
-- endpointChallenge).
-- $1 organisation, $2 id or null, $3 uid or null, $4 names, $5 name, $6 throttle rate or null,
-- $7 new uid or null, $8 metadata,
-- $9 challenge of its endpoints or null
update app
set name = case when 'name' = any($4::text[]) then $5::text else name end,
    throttle_rate = case when 'throttleRate' = any($4::text[]) then $6::int4 else throttle_rate end,
    uid = case when 'uid' = any($4::text[]) then $7::text else uid end,
    metadata = case when 'metadata' = any($4::text[]) then $8::text else metadata end,
    endpoint_challenge = case when 'endpointChallenge' = any($4::text[])
        then $9::text else endpoint_challenge end,
    version = version + 1, changed_at = clock_timestamp(), updated_at = clock_timestamp()
where id = coalesce($2::int8,
        (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
    and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
returning id, uid, name, throttle_rate, metadata, created_at, updated_at, version, endpoint_challenge
