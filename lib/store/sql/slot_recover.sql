-- A page of a slot's messages, each with the endpoints whose first delivery is resolved by an attempt
-- or a dead letter, or is parked. (Deferred ones are in the retry table and loaded before.)
-- A dead letter's id may be a little older than its message's, from another clock (20 minutes).
-- $1 slot, $2 after this id, $3 rows at most
select m.app_id, m.id, m.event_type, m.targets,
    array(select a.endpoint_id from attempt a
        where a.app_id = m.app_id and a.msg_id = m.id and a.chain = 0)
    || array(select d.endpoint_id from dead_letter d
        where d.app_id = m.app_id and d.msg_id = m.id and d.chain = 0
            and d.id > m.id - 5033164800000)
    || array(select p.endpoint_id from parked p
        where p.app_id = m.app_id and p.msg_id = m.id and p.chain = 0)
from message m
where m.id > $2::int8 and ((m.id >> 12) & 1023) = $1::int2
order by m.id limit $3::int4
