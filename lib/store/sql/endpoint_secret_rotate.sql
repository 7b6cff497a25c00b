-- A new signing key, under a new version of the application; the old one stays valid until $6, unless
-- $7 old ones are already; who watches is told (notice). No row: no such endpoint, or too many old keys (endpoint_get.sql tells).
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null,
-- $5 uid or null, $6 until when the old one signs, $7 old keys at most, $8 new key, $9 its kind
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
    returning id, version, org, uid
), e as (
    update endpoint e
    set secret = $8::bytea,
        secret_kind = $9::int2,
        old_secrets = coalesce((select array_agg(o.key order by o.no)
            from unnest(e.old_secrets, e.old_secrets_until) with ordinality as o(key, until, no)
            where o.until > now()), '{}') || e.secret,
        old_secrets_until = coalesce((select array_agg(o.until order by o.no)
            from unnest(e.old_secrets, e.old_secrets_until) with ordinality as o(key, until, no)
            where o.until > now()), '{}') || $6::timestamptz,
        -- (Keys of before kinds were stored have none: 0.)
        old_secret_kinds = coalesce((select array_agg(coalesce(o.kind, 0::int2) order by o.no)
            from unnest(e.old_secrets_until, e.old_secret_kinds) with ordinality as o(until, kind, no)
            where o.until > now()), '{}') || e.secret_kind,
        updated_at = clock_timestamp()
    from a
    where e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8,
            (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
        and (select count(*) from unnest(e.old_secrets_until) as o(until) where o.until > now()) < $7::int4
    returning e.app_id, e.id, e.uid, a.version
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.updated', a.id, a.uid, e.id, e.uid from a, e where watched(a.org)
)
select app_id, version from e
