-- A page of an application's endpoints, by id, each with what became of one message there: those that live,
-- and deleted ones that it was or will be sent to. No row: there is no such message; one row with a null
-- id: the page is empty. What waits or was given up is told as in message_endpoints.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 beyond this id, $7 rows at most, $8 descending
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.channels, m.targets,
        (m.extra).deliver_at, payload_kept(m.payload, m.extra) is null as gone
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
), tried as materialized (
    select t.id, t.endpoint_id, t.chain, t.seq, t.status, t.http_status, t.error, t.next_at,
        row_number() over (partition by t.endpoint_id, t.chain order by t.id desc) = 1 as is_last
    from attempt t
    where t.app_id = (select app_id from m) and t.msg_id = (select id from m)
), given_up as materialized (
    select d.id, d.endpoint_id, d.chain, d.seq, d.reason, d.replayed_at, d.discarded_at
    from dead_letter d
    where d.app_id = (select app_id from m) and d.msg_id = (select id from m)
        and d.id > (select id from m) - (3600000::int8 << 22)
), waits as materialized (
    select k.endpoint_id, k.key is not null as ordered
    from parked k
    where k.app_id = (select app_id from m) and k.msg_id = (select id from m)
        and not exists (select 1 from tried t
            where t.endpoint_id = k.endpoint_id and t.chain = k.chain and t.seq >= k.seq
                and (k.key is null or t.status = 0))
        and not exists (select 1 from given_up g
            where g.endpoint_id = k.endpoint_id and g.chain = k.chain and g.seq >= k.seq)
), targets as materialized (
    select ('x' || encode(substr(m.targets, 8 * i + 1, 8), 'hex'))::bit(64)::int8 as id
    from m, generate_series(0, octet_length(m.targets) / 8 - 1) i
), concerned as materialized (
    select id from targets union select endpoint_id from tried
)
select e.id, e.uid, e.url, exists (select 1 from targets x where x.id = e.id),
    e.disabled, e.disabled_reason, e.event_types, e.channels, least(e.throttle_rate, e.challenge_rate), e.paused,
    e.created_at, e.updated_at, e.deleted_at, coalesce(h.state, 0::int2), h.probe_at,
    p.success_id, p.attempts, p.next_at, l.id, l.http_status, l.error,
    g.id, g.reason, g.replayed_at, g.discarded_at,
    exists (select 1 from tried t where t.endpoint_id = e.id and t.chain = g.id),
    w.ordered, m.id, m.event_type, m.channels, m.gone,
    m.deliver_at,
    coalesce((select s.lease_until < now() from slot s
        where s.id = ((m.id >> 12) & 1023)::int2 and s.low_water < m.id), false),
    e.unverified
from m
left join lateral (
    select x.* from endpoint x
    where x.app_id = m.app_id
        and (x.deleted_at is null or x.id in (select c.id from concerned c))
        and case when $8::bool then x.id < $6::int8 else x.id > $6::int8 end
    order by case when $8::bool then -x.id else x.id end limit $7::int4) e on true
left join lateral (
    select max(t.id) filter (where t.status = 0) as success_id, count(*)::int8 as attempts,
        min(t.next_at) filter (where t.is_last and t.next_at is not null and not exists (
            select 1 from given_up g where g.endpoint_id = e.id and g.chain = t.chain)) as next_at
    from tried t
    where t.endpoint_id = e.id) p on e.id is not null
left join lateral (
    select t.id, t.http_status, t.error from tried t where t.endpoint_id = e.id
    order by t.id desc limit 1) l on true
left join lateral (
    select * from given_up d where d.endpoint_id = e.id order by d.id desc limit 1) g on true
left join lateral (
    select bool_or(k.ordered) as ordered from waits k where k.endpoint_id = e.id) w on true
left join hold h on h.app_id = e.app_id and h.endpoint_id = e.id
order by case when $8::bool then -e.id else e.id end
