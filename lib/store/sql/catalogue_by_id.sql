-- An application by its id, deleted or not, with its live endpoints. The column p.polls, the same in every row, has its
-- polling endpoints that gather: id, event types, channels; comma-separated, no types or channels meaning all.
-- The last but one, of the first row only, has what voids its tokens: version, seconds when it was made, microseconds
-- from when, scope.
-- $1 id
select a.id, a.org, a.uid, a.version, a.deleted_at is not null,
    e.id, e.url, e.url_no, e.disabled or e.unverified, e.event_types, e.channels,
    array(select j.key || ': ' || j.value from json_each_text(e.headers::json) j),
    e.secret, e.old_secrets, e.old_secrets_until, e.retry_schedule, e.timeout_ms, e.max_in_flight,
    least(e.throttle_rate, e.challenge_rate), e.ordering, e.head_of_line = 'block', h.state, h.slot, a.throttle_rate,
    e.secret_kind, e.old_secret_kinds::int8[], p.polls, e.signature_profile, e.signature_template,
    e.format,
    case when row_number() over (order by e.id) = 1 then array(
        select v.version || ' ' || floor(extract(epoch from v.made_at))::int8 || ' '
            || floor(extract(epoch from v.void_from) * 1000000)::int8 || ' ' || v.scope
        from token_void v where v.app_id = a.id and v.forget_at > now()) end,
    e.challenge = 'cloudevents'
from app a
cross join lateral (
    select array(select concat_ws(' ', p.id, coalesce(array_to_string(p.event_types, ','), ''),
            coalesce(array_to_string(p.channels, ','), ''))
        from polling_endpoint p
        where p.app_id = a.id and not p.disabled and p.deleted_at is null and a.deleted_at is null
        order by p.id) as polls
    offset 0) p
left join endpoint e on e.app_id = a.id and e.deleted_at is null and a.deleted_at is null
left join hold h on h.app_id = a.id and h.endpoint_id = e.id
where a.id = $1::int8
order by e.id
