-- A page of the messages that were attempted for an endpoint, by id, either way, with how each stands:
-- 0 success, 2 fail, 3 sending (an attempt is planned for the live endpoint, or a step is parked: then the
-- endpoint's next probe is the nearest time known). One row with a null id:
-- the page is empty; no row: there is no such endpoint. Payloads and last columns as in
-- message_list; what is looked at are the application's messages.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 endpoint's id or null,
-- $5 endpoint's uid or null, $6 above this id, $7 below this id, $8 rows at most,
-- $9 event types or null, $10 channel or null, $11 status or null, $12 bytes of payloads,
-- $13 rows to look at, $14 tag or null
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), e as (
    select e.app_id, e.id, e.disabled or e.deleted_at is not null as dead,
        e.disabled and not e.paused or e.deleted_at is not null as ended, -- also what is parked
        case when h.state = 1 then h.probe_at end as probe_at
    from a join endpoint e on e.app_id = a.id and e.id = coalesce($4::int8,
        (select o.id from endpoint o
            where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
    left join hold h on h.app_id = e.app_id and h.endpoint_id = e.id
)
select p.id, p.event_type, p.event_id, p.channels,
    case when p.room then p.kept end, (p.extra).tags, (p.extra).deliver_at,
    p.fits and not p.room and $12::int8 > 0, p.n = $13::int4, not p.fits, p.status, p.next_at
from e
left join lateral (
    select f.*, (sum(octet_length(f.kept)) over (order by f.id {desc|asc})
        - octet_length(f.kept) < $12::int8) is not false and $12::int8 > 0 as room
    from (
        select * from (
            select m.*, payload_kept(m.payload, m.extra) as kept, q.status,
                case when q.status = 3 then q.next_at end as next_at,
                row_number() over (order by m.id {desc|asc}) as n,
                (q.status is not null and ($11::int2 is null or q.status = $11::int2)) as fits
            from (
                select * from message
                where app_id = e.app_id and id > $6::int8 and id < $7::int8
                order by id {desc|asc} limit (select $13::int4)) m
            left join lateral (
                select case when w.parked then e.probe_at else r.next_at end as next_at,
                    case when r.success then 0::int2
                        when w.parked or r.next_at is not null and not e.dead then 3::int2
                        else 2::int2 end as status
                from (
                    select bool_or(t.status = 0) as success,
                        min(t.next_at) filter (where t.is_last and t.next_at is not null and not exists (
                            select 1 from dead_letter d
                            where d.app_id = e.app_id and d.msg_id = m.id and d.endpoint_id = e.id
                                and d.chain = t.chain and d.id > m.id - (3600000::int8 << 22))) as next_at
                    from (
                        select status, chain, next_at,
                            row_number() over (partition by chain order by id desc) = 1 as is_last
                        from attempt
                        where app_id = e.app_id and msg_id = m.id and endpoint_id + 0 = e.id
                            and ($9::text[] is null or m.event_type = any($9::text[]))
                            and ($10::text is null
                                or $10::text = any(string_to_array(m.channels, ',')))
                            and ($14::text is null
                                or $14::text = any(string_to_array((m.extra).tags, U&'\001F')))) t
                    having count(*) > 0) r
                cross join lateral (
                    select not r.success and not e.ended
                        and (e.dead or coalesce(r.next_at <= now(), true)) and exists (
                        select 1 from parked k
                        where k.app_id = e.app_id and k.msg_id = m.id and k.endpoint_id + 0 = e.id
                            and not exists (select 1 from attempt t
                                where t.app_id = k.app_id and t.msg_id = k.msg_id
                                    and t.endpoint_id + 0 = k.endpoint_id and t.chain = k.chain
                                    and t.seq >= k.seq and (k.key is null or t.status = 0))
                            and not exists (select 1 from dead_letter d
                                where d.app_id = k.app_id and d.msg_id = k.msg_id
                                    and d.endpoint_id = k.endpoint_id and d.chain = k.chain
                                    and d.seq >= k.seq and d.id > m.id - (3600000::int8 << 22)))
                        as parked) w) q on true) s
        where s.fits or s.n = $13::int4
        order by s.id {desc|asc} limit $8::int4) f) p on true
order by p.id {desc|asc}
