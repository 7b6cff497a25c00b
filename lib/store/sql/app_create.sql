-- A new application, unless its uid is in use (then no row).
-- $1 organisation, $2 id, $3 name, $4 throttle rate or null, $5 uid or null, $6 metadata,
-- $7 challenge of its endpoints or null
insert into app (org, id, name, throttle_rate, uid, metadata, endpoint_challenge)
values ($1::text, $2::int8, $3::text, $4::int4, $5::text, $6::text, $7::text)
on conflict (org, uid) where deleted_at is null do nothing
returning id, uid, name, throttle_rate, metadata, created_at, updated_at, version, endpoint_challenge
