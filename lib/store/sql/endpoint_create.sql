-- A new endpoint with its first URL, under a new version of its application, and with a hold when it is
-- paused or has an order: then under fence.sql of the same transaction. Who watches is told (notice). No row:
-- there is no such application, or the slot is not held.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id, $5 uid or null, $6 url, $7 description, $8 version, $9 disabled, $10 event types or null,
-- $11 channels or null, $12 throttle rate or null, $13 metadata, $14 retry schedule in ms or null,
-- $15 timeout in ms or null, $16 requests in flight or null, $17 paused, $18 ordering or null,
-- $19 head of line, $20 slot of the hold or null: it has none, $21 its epoch, $22 headers, $23 signing key,
-- $24 its kind, $25 signature profile or null, $26 its template or null, $27 format or null,
-- $28 challenge that was made or null: the application's, which was not, $29 whether it was answered,
-- $30 why not, or null, $31 deliveries a second that the answer allows, or null
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
        and ($20::int2 is null or exists (select 1 from slot s
            where s.id = $20::int2 and s.epoch = $21::int8 and s.owner is not null))
    returning id, version, org, uid, endpoint_challenge
), e as (
    insert into endpoint (app_id, id, uid, url, description, version, disabled, disabled_reason,
        event_types, channels, throttle_rate, metadata, retry_schedule, timeout_ms, max_in_flight,
        paused, ordering, head_of_line, headers, secret,
        secret_kind, signature_profile, signature_template, format,
        challenge, verified_at, challenge_error, challenge_rate)
    select a.id, $4::int8, $5::text, $6::text, $7::text, $8::int4, $9::bool,
        case when $9::bool then 'manual' end, $10::text[], $11::text[], $12::int4, $13::text,
        $14::int8[], $15::int4, $16::int4, $17::bool, $18::text, $19::text, $22::text, $23::bytea,
        $24::int2, $25::text, $26::text, $27::text,
        coalesce($28::text, a.endpoint_challenge),
        case when $29::bool and $28::text is not null then clock_timestamp() end, $30::text, $31::int4
    from a
    returning *
), u as (
    insert into endpoint_url (app_id, endpoint_id, no, url) select app_id, id, url_no, url from e
), h as (
    insert into hold (app_id, endpoint_id, slot, state, ordered)
    select e.app_id, e.id, $20::int2, case when e.paused then 3 else 0 end, e.ordering is not null
    from e
    where $20::int2 is not null
    returning state, failing_since, probe_at
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.created', a.id, a.uid, e.id, e.uid from a, e where watched(a.org)
)
select e.id, e.app_id, e.uid, e.url, e.description, e.version, e.disabled, e.disabled_reason,
    e.event_types, e.channels, e.throttle_rate, e.metadata, e.retry_schedule, e.timeout_ms,
    e.max_in_flight, e.created_at, e.updated_at, a.version, e.paused, e.ordering, e.head_of_line,
    h.state, h.failing_since, h.probe_at, e.signature_profile, e.signature_template, e.format,
    e.challenge, e.verified_at, e.challenge_error, e.challenge_rate
from e cross join a left join h on true
