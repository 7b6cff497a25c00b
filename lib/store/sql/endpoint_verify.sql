-- Writes how an endpoint has answered a challenge that was asked for, under a new version of its application,
-- and has it told to who watches (notice). The answer counts for the URL and the challenge that it was given to;
-- one that was verified before stays so. No row: there is no such endpoint, or it has another URL or challenge by now.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 URL, $7 challenge, $8 whether it was answered, $9 why not, or null, $10 deliveries a second that the answer
-- allows, or null
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version, org, uid
), e as (
    update endpoint e
    set verified_at = case when $8::bool then clock_timestamp() else e.verified_at end,
        challenge_error = $9::text,
        challenge_rate = case when $8::bool then $10::int4 else e.challenge_rate end,
        updated_at = clock_timestamp()
    from a
    where e.app_id = a.id and e.deleted_at is null and e.url = $6::text and e.challenge = $7::text
        and e.id = coalesce($4::int8,
            (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
    returning e.app_id, e.id, e.uid
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.updated', a.id, a.uid, e.id, e.uid from a, e where watched(a.org)
)
select e.app_id, a.version from e cross join a
