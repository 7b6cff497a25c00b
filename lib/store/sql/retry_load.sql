-- A page of a slot's retries that fall due in a stretch of time and are not resolved, in order of
-- (due, message, endpoint, chain), of each the highest step first.
-- $1 slot, $2 to $5 that key of the first one, $6 until, $7 rows at most
-- What lies far ahead cannot have been resolved; a quarter of an hour is for clocks that differ. "offset 0" keeps the
-- two questions probes of an index, row by row: joined, the planner would rather read the whole
-- history. A dead letter's id may be a little older than its message's, from another clock.
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
select r.due, r.slot, r.seq, r.tries, r.trigger, r.app_id, r.msg_id, r.endpoint_id, r.chain
from retry r
where r.slot = $1::int2 and r.due >= $2::timestamptz and r.due < $6::timestamptz
    and (r.due, r.msg_id, r.endpoint_id, r.chain) >= ($2::timestamptz, $3::int8, $4::int8, $5::int8)
    and (r.due > now() + interval '16 minutes' or (
        not exists (select 1 from attempt a
            where a.app_id = r.app_id and a.msg_id = r.msg_id and a.endpoint_id + 0 = r.endpoint_id
                and a.chain = r.chain and a.seq >= r.seq offset 0)
        and not exists (select 1 from dead_letter d
            where d.app_id = r.app_id and d.msg_id = r.msg_id and d.endpoint_id = r.endpoint_id
                and d.chain = r.chain and d.seq >= r.seq and d.id > r.msg_id - id_span('20 minutes')
                offset 0)
        and not exists (select 1 from parked p
            where p.app_id = r.app_id and p.msg_id = r.msg_id and p.endpoint_id + 0 = r.endpoint_id
                and p.chain = r.chain and p.seq >= r.seq offset 0)))
order by r.due, r.msg_id, r.endpoint_id, r.chain, r.seq desc limit $7::int4
