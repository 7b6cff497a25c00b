-- What is parked for some endpoints and not resolved, beyond a number, in order. A row at least for each of
-- them. The snapshot's oldest running transaction, one that is newer than all that have begun (ours, when $5)
-- and the newest number tell how far the numbers are complete (lib/send/hold_read.c). Of an ordered step also how far its attempts have come.
-- A dead letter's id may be a little older than its message's, from another clock.
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
-- $1 applications, $2 endpoints, $3 numbers, $4 rows for each at most, $5 whether to take a transaction's number
with s as materialized (
    select pg_snapshot_xmin(x.now)::text::int8 as xmin,
        case when $5::bool then pg_current_xact_id()::text::int8 end as own,
        (select case when is_called then last_value else 0 end from parked_no) as newest
    from (select pg_current_snapshot() as now) x
)
select s.xmin, s.own, s.newest, i.nth, p.no, p.at, p.msg_id, p.chain, p.seq, p.tries, p.trigger, p.key,
    t.seq, t.tries, t.next_at
from s cross join unnest($1::int8[], $2::int8[], $3::int8[]) with ordinality
    as i(app_id, endpoint_id, beyond, nth)
left join lateral (
    select p.* from parked p
    where p.app_id = i.app_id and p.endpoint_id = i.endpoint_id and p.no > i.beyond
        and not exists (select 1 from attempt a
            where a.app_id = p.app_id and a.msg_id = p.msg_id and a.endpoint_id + 0 = p.endpoint_id
                and a.chain = p.chain and a.seq >= p.seq and (p.key is null or a.status = 0) offset 0)
        and not exists (select 1 from dead_letter d
            where d.app_id = p.app_id and d.msg_id = p.msg_id and d.endpoint_id = p.endpoint_id
                and d.chain = p.chain and d.seq >= p.seq and d.id > p.msg_id - id_span('20 minutes') offset 0)
    order by p.no limit $4::int4) p on true
left join lateral (
    select a.seq, a.tries, a.next_at from attempt a
    where a.app_id = p.app_id and a.msg_id = p.msg_id and a.endpoint_id + 0 = p.endpoint_id
        and a.chain = p.chain and a.seq >= p.seq
    order by a.seq desc limit 1) t on p.key is not null
order by i.nth, p.no
