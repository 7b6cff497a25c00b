-- A page of an application's endpoints, by id, either way. One row with a null id: the
-- application is there and the page is empty; no row: there is no such application.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 beyond this id,
-- $5 rows at most
with a as (
    select id, version from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select e.id, e.app_id, e.uid, e.url, e.description, e.version, e.disabled, e.disabled_reason,
    e.event_types, e.channels, e.throttle_rate, e.metadata, e.retry_schedule, e.timeout_ms,
    e.max_in_flight, e.created_at, e.updated_at, a.version, e.paused, e.ordering, e.head_of_line,
    h.state, h.failing_since, h.probe_at, e.signature_profile, e.signature_template, e.format,
    e.challenge, e.verified_at, e.challenge_error, e.challenge_rate
from a
left join lateral (
    select * from endpoint p
    where p.app_id = a.id and p.deleted_at is null and p.id {<|>} $4::int8
    order by p.id {desc|asc} limit $5::int4) e on true
left join hold h on h.app_id = e.app_id and h.endpoint_id = e.id
order by e.id {desc|asc}
