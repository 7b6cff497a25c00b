-- A hold under which nothing is left is closed, under fence.sql and hold_lock.sql of the same transaction. No
-- row: something is left, or the hold is another one's or does not drain. What has its order may stay, unless the
-- endpoint is deleted. Whether it has one the row says: who keeps the hold may not have heard of a change yet. Returns
-- the application's version, and that.
-- $1 application, $2 endpoint, $3 slot, $4 epoch, $5 number up to which all is resolved
with h as (
    update hold h set state = 0, ordered = h.ordered and exists (select 1 from endpoint e
            where e.app_id = $1::int8 and e.id = $2::int8 and e.deleted_at is null),
        failing_since = null, probe_at = null, probes = 0, low_no = $5::int8
    from slot s
    where h.app_id = $1::int8 and h.endpoint_id = $2::int8 and h.slot = $3::int2 and h.state = 2
        and s.id = $3::int2 and s.epoch = $4::int8
        and not exists (select 1 from parked p
            where p.app_id = $1::int8 and p.endpoint_id = $2::int8 and p.no > $5::int8
                and not (p.key is not null and exists (select 1 from hold o
                    join endpoint e on e.app_id = o.app_id and e.id = o.endpoint_id
                    where o.app_id = $1::int8 and o.endpoint_id = $2::int8 and o.ordered
                        and e.deleted_at is null))
                and not exists (select 1 from attempt a
                    where a.app_id = p.app_id and a.msg_id = p.msg_id
                        and a.endpoint_id + 0 = p.endpoint_id and a.chain = p.chain
                        and a.seq >= p.seq and (p.key is null or a.status = 0) offset 0)
                and not exists (select 1 from dead_letter d
                    where d.app_id = p.app_id and d.msg_id = p.msg_id
                        and d.endpoint_id = p.endpoint_id and d.chain = p.chain and d.seq >= p.seq
                        and d.id > p.msg_id - id_span('20 minutes') offset 0))
    returning h.app_id, h.ordered
)
update app a set version = a.version + 1, changed_at = clock_timestamp()
from h where a.id = h.app_id
returning a.version, h.ordered
