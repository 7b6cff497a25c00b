-- A page of a slot's messages, each with the endpoints whose first delivery is resolved by an attempt
-- or a dead letter, is parked, or was put off, which only a retry row tells. Those are read from a
-- stretch of time, whole for each page, and kept where they are of its messages.
-- What has a time of its own is in `retry` from the start, and none of it is here.
-- A dead letter's id may be a little older than its message's, from another clock.
-- $1 slot, $2 after this id, $3 rows at most, $4 what is put off is due from here $5 to here
with page as materialized (
    select m.app_id, m.id, m.event_type, m.targets from message m
    where m.id > $2::int8 and ((m.id >> 12) & 1023) = $1::int2 and (m.extra).deliver_at is null
    order by m.id limit $3::int4
), put_off as materialized (
    select r.app_id, r.msg_id, array_agg(distinct r.endpoint_id) as endpoints from retry r
    where r.slot = $1::int2 and r.due >= $4::timestamptz and r.due < $5::timestamptz and r.chain = 0
        and r.msg_id > $2::int8 and r.msg_id <= (select max(id) from page)
    group by r.app_id, r.msg_id
)
select m.app_id, m.id, m.event_type, m.targets,
    array(select a.endpoint_id from attempt a
        where a.app_id = m.app_id and a.msg_id = m.id and a.chain = 0)
    || array(select d.endpoint_id from dead_letter d
        where d.app_id = m.app_id and d.msg_id = m.id and d.chain = 0
            and d.id > m.id - id_span('20 minutes'))
    || array(select p.endpoint_id from parked p
        where p.app_id = m.app_id and p.msg_id = m.id and p.chain = 0)
    || o.endpoints
from page m left join put_off o on o.app_id = m.app_id and o.msg_id = m.id
order by m.id
