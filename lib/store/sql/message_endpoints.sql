-- A page of the endpoints that a message was or will be sent to, deleted ones included, by id, with
-- how it stands: no row: there is no such message; one row with a null id: the page is empty.
-- The pair's columns: whether an attempt succeeded, number of attempts, when the next one is planned,
-- whether the delivery was given up, whether the endpoint is deleted, whether a step of it is parked.
-- (An id may be an hour younger than one made later by a machine whose clock is behind.)
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 beyond this id, $7 rows at most, $8 descending
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.event_id, m.channels, m.targets, m.payload
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
), tried as materialized (
    select t.endpoint_id, t.status, t.next_at, t.seq,
        row_number() over (partition by t.endpoint_id, t.chain order by t.id desc) = 1 as is_last, t.chain
    from attempt t
    where t.app_id = (select app_id from m) and t.msg_id = (select id from m)
), given_up as materialized (
    select d.endpoint_id, d.chain, d.seq
    from dead_letter d
    where d.app_id = (select app_id from m) and d.msg_id = (select id from m)
        and d.id > (select id from m) - (3600000::int8 << 22)
), waits as materialized (
    select k.endpoint_id
    from parked k
    where k.app_id = (select app_id from m) and k.msg_id = (select id from m)
        and not exists (select 1 from tried t
            where t.endpoint_id = k.endpoint_id and t.chain = k.chain and t.seq >= k.seq
                and (k.key is null or t.status = 0))
        and not exists (select 1 from given_up g
            where g.endpoint_id = k.endpoint_id and g.chain = k.chain and g.seq >= k.seq)
), targets as (
    select ('x' || encode(substr(m.targets, 8 * i + 1, 8), 'hex'))::bit(64)::int8 as id
    from m, generate_series(0, octet_length(m.targets) / 8 - 1) i
    union
    select endpoint_id from tried
)
select e.id, e.app_id, e.uid, e.url, e.description, e.version, e.disabled, e.disabled_reason,
    e.event_types, e.channels, e.throttle_rate, e.metadata, e.retry_schedule, e.timeout_ms,
    e.max_in_flight, e.created_at, e.updated_at, 0::int8, e.paused, e.ordering, e.head_of_line,
    h.state, h.failing_since, h.probe_at, e.signature_profile, e.signature_template, e.format,
    e.challenge, e.verified_at, e.challenge_error, e.challenge_rate,
    p.success, p.attempts, p.next_at,
    exists (select 1 from given_up g where g.endpoint_id = e.id),
    e.deleted_at is not null, exists (select 1 from waits w where w.endpoint_id = e.id)
from m
left join lateral (
    select x.* from targets join endpoint x on x.app_id = m.app_id and x.id = targets.id
    where case when $8::bool then x.id < $6::int8 else x.id > $6::int8 end
    order by case when $8::bool then -x.id else x.id end limit $7::int4) e on true
left join lateral (
    select coalesce(bool_or(t.status = 0), false) as success, count(*)::int8 as attempts,
        min(t.next_at) filter (where t.is_last and t.next_at is not null and not exists (
            select 1 from given_up g where g.endpoint_id = e.id and g.chain = t.chain)) as next_at
    from tried t
    where t.endpoint_id = e.id) p on e.id is not null
left join hold h on h.app_id = e.app_id and h.endpoint_id = e.id
order by case when $8::bool then -e.id else e.id end
