-- What a challenge of an endpoint needs: an application as the catalogue has it (catalogue_by_ref), but with this
-- one endpoint only and nothing that has to do with others; then what it asks of new endpoints, and what is known
-- of this one. A row without an endpoint: there is none. No row: there is no such application.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null
select a.id, a.org, a.uid, a.version, false,
    e.id, e.url, e.url_no, e.disabled or e.unverified, e.event_types, e.channels,
    array(select j.key || ': ' || j.value from json_each_text(e.headers::json) j),
    e.secret, e.old_secrets, e.old_secrets_until, e.retry_schedule, e.timeout_ms, e.max_in_flight,
    e.throttle_rate, e.ordering, false, null::int2, null::int2, a.throttle_rate,
    e.secret_kind, e.old_secret_kinds::int8[], null::text[], e.signature_profile, e.signature_template,
    e.format, null::text[], e.challenge = 'cloudevents',
    a.endpoint_challenge, e.challenge, e.unverified
from app a
left join endpoint e on e.app_id = a.id and e.deleted_at is null and e.id = coalesce($4::int8,
    (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
where a.id = coalesce($2::int8,
        (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
    and a.org = $1::text and ($3::text is null or a.uid = $3::text) and a.deleted_at is null
