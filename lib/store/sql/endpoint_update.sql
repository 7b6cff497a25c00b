-- Writes the fields of an endpoint that $6 names, under a new version of its application. A new URL
-- gets a new number. With a slot, the hold follows what is paused or ordered now, and the slot keeps it
-- when nobody does; it was made and locked before (endpoint_hold.sql). An endpoint that is enabled again is
-- tried again. Who watches is told (notice). No row: there is no such endpoint, or the slot is not held. $1 organisation, $2 application's id or null, $3 application's uid or null,
-- $4 id or null, $5 uid or null, $6 names, $7 new uid or null, $8 url, $9 description, $10 version,
-- $11 disabled, $12 event types or null, $13 channels or null, $14 throttle rate or null,
-- $15 metadata, $16 retry schedule in ms or null, $17 timeout in ms or null,
-- $18 requests in flight or null, $19 paused, $20 ordering or null, $21 head of line, $22 slot or null,
-- $23 its epoch, $24 headers or null: as they are, $25 signature profile or null, $26 its template or null,
-- $27 format or null, $28 challenge or null: the application's, $29 URL to which it was made, or null: it was not,
-- $30 whether it was answered, $31 why not, or null, $32 deliveries a second that the answer allows, or null. An
-- answer counts for the URL and the challenge that it was given to; what gets another URL or another challenge in
-- any other way is unverified.
with a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
        and ($22::int2 is null or exists (select 1 from slot s
            where s.id = $22::int2 and s.epoch = $23::int8 and s.owner is not null))
    returning id, version, org, uid, endpoint_challenge
), e as (
    update endpoint e
    set uid = case when 'uid' = any($6::text[]) then $7::text else e.uid end,
        url = case when 'url' = any($6::text[]) then $8::text else e.url end,
        url_no = case when 'url' = any($6::text[]) and e.url <> $8::text
            then e.url_no % 32767 + 1 else e.url_no end,
        description = case when 'description' = any($6::text[]) then $9::text else e.description end,
        version = case when 'version' = any($6::text[]) then $10::int4 else e.version end,
        disabled = case when 'disabled' = any($6::text[]) then $11::bool else e.disabled end,
        disabled_reason = case when 'disabled' <> all($6::text[]) or e.disabled = $11::bool
            then e.disabled_reason when $11::bool then 'manual' end,
        event_types = case when 'eventTypes' = any($6::text[]) then $12::text[] else e.event_types end,
        channels = case when 'channels' = any($6::text[]) then $13::text[] else e.channels end,
        throttle_rate = case when 'throttleRate' = any($6::text[])
            then $14::int4 else e.throttle_rate end,
        metadata = case when 'metadata' = any($6::text[]) then $15::text else e.metadata end,
        retry_schedule = case when 'retrySchedule' = any($6::text[])
            then $16::int8[] else e.retry_schedule end,
        timeout_ms = case when 'timeoutMs' = any($6::text[]) then $17::int4 else e.timeout_ms end,
        max_in_flight = case when 'maxInFlight' = any($6::text[])
            then $18::int4 else e.max_in_flight end,
        paused = case when 'paused' = any($6::text[]) then $19::bool else e.paused end,
        ordering = case when 'ordering' = any($6::text[]) then $20::text else e.ordering end,
        head_of_line = case when 'headOfLine' = any($6::text[]) then $21::text else e.head_of_line end,
        headers = coalesce($24::text, e.headers),
        signature_profile = case when 'signatureProfile' = any($6::text[])
            then $25::text else e.signature_profile end,
        signature_template = case when 'signatureProfile' = any($6::text[])
            then $26::text else e.signature_template end,
        format = case when 'format' = any($6::text[]) then $27::text else e.format end,
        challenge = case when 'challenge' = any($6::text[])
            then coalesce($28::text, a.endpoint_challenge) else e.challenge end,
        (verified_at, challenge_error, challenge_rate) = (
            select case when asked and $30::bool then clock_timestamp() when same then e.verified_at end,
                case when asked then $31::text when same then e.challenge_error end,
                case when asked and $30::bool then $32::int4 when same then e.challenge_rate end
            from (select n.url = $29::text and n.challenge = $28::text as asked,
                    n.url = e.url and n.challenge is not distinct from e.challenge as same
                from (select case when 'url' = any($6::text[]) then $8::text else e.url end as url,
                        case when 'challenge' = any($6::text[])
                            then coalesce($28::text, a.endpoint_challenge) else e.challenge end as challenge) n) m),
        updated_at = clock_timestamp()
    from a
    where e.app_id = a.id and e.deleted_at is null
    and e.id = coalesce($4::int8,
        (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
    -- (The question sees the row as it was.)
    returning e.*, not e.disabled and (select o.disabled from endpoint o
        where o.app_id = e.app_id and o.id = e.id) as enabled_now
), u as (
    insert into endpoint_url (app_id, endpoint_id, no, url) select app_id, id, url_no, url from e
    on conflict (app_id, endpoint_id, no) do update set url = excluded.url
        where endpoint_url.url <> excluded.url
), h as (
    update hold h
    set state = case when e.paused then 3 -- lib/store/hold.h
            when h.state = 3 or h.state = 1 and e.enabled_now
                or h.state = 0 and h.ordered and e.ordering is null then 2
            else h.state end,
        ordered = e.ordering is not null,
        slot = case when h.state = 0 and not h.ordered then coalesce($22::int2, h.slot) else h.slot end,
        low_at = case when h.state = 0 and not h.ordered then clock_timestamp() else h.low_at end,
        failing_since = case when not e.enabled_now then h.failing_since end,
        probe_at = case when not e.enabled_now then h.probe_at end,
        probes = case when e.enabled_now then 0 else h.probes end
    from e
    where h.app_id = e.app_id and h.endpoint_id = e.id and ($22::int2 is not null or e.enabled_now)
    returning h.state, h.failing_since, h.probe_at
), told as (
    insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid)
    select a.org, 'endpoint.updated', a.id, a.uid, e.id, e.uid from a, e where watched(a.org)
)
select e.id, e.app_id, e.uid, e.url, e.description, e.version, e.disabled, e.disabled_reason,
    e.event_types, e.channels, e.throttle_rate, e.metadata, e.retry_schedule, e.timeout_ms,
    e.max_in_flight, e.created_at, e.updated_at, a.version, e.paused, e.ordering, e.head_of_line,
    k.state, k.failing_since, k.probe_at, e.signature_profile, e.signature_template, e.format,
    e.challenge, e.verified_at, e.challenge_error, e.challenge_rate
from e cross join a
left join (
    select * from h
    union all
    select o.state, o.failing_since, o.probe_at from hold o, e
    where o.app_id = e.app_id and o.endpoint_id = e.id and not exists (select 1 from h)) k on true
