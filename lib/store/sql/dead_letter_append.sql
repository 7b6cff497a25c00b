-- Deliveries given up, under a held slot. $1 slots, $2 epochs, then one array for each column, $16
-- whether some of them may be stored already (a commit that was not answered).
-- The event type of a delivery that was given up before its message was read is the message's.
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
insert into dead_letter (app_id, id, org, msg_id, endpoint_id, event_type, chain, seq, reason,
    last_status, last_error, attempts, first_at, last_at)
select i.app_id, i.id, coalesce(a.org, ''), i.msg_id, i.endpoint_id,
    coalesce(nullif(i.event_type, ''),
        (select m.event_type from message m where m.app_id = i.app_id and m.id = i.msg_id), ''), i.chain, i.seq,
    i.reason, i.last_status, i.last_error, i.attempts,
    (select to_timestamp(((min(t.id) >> 22) + 1577836800000) / 1000.0) from attempt t
        where t.app_id = i.app_id and t.msg_id = i.msg_id and t.endpoint_id + 0 = i.endpoint_id
            and t.chain = i.chain),
    i.last_at
from unnest($3::int2[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::text[], $9::int8[],
    $10::int2[], $11::int2[], $12::int2[], $13::text[], $14::int2[], $15::timestamptz[])
    as i(slot, app_id, id, msg_id, endpoint_id, event_type, chain, seq, reason, last_status,
        last_error, attempts, last_at)
left join app a on a.id = i.app_id
where i.slot in (
    select s.id from slot s
    join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch)
    and (not $16::bool or not exists (select 1 from dead_letter d
        where d.app_id = i.app_id and d.id = i.id offset 0))
