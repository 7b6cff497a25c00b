-- Steps that wait for their endpoint, under a held slot. The endpoint's hold is locked shared, so that nobody
-- closes it meanwhile; where it is closed already, the step is due at once instead. Returns the slots of those.
-- $1 slots, $2 epochs, then one array for each column, $11 due
with i as materialized (
    select i.* from unnest($3::int2[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int2[],
        $9::int2[], $10::int2[]) with ordinality
        as i(slot, app_id, endpoint_id, msg_id, chain, seq, tries, trigger, nth)
    where i.slot in (
        select s.id from slot s
        join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch)
), h as materialized (
    select h.app_id, h.endpoint_id, h.state from hold h
    where (h.app_id, h.endpoint_id) in (select i.app_id, i.endpoint_id from i)
    order by h.app_id, h.endpoint_id
    for key share
), p as (
    insert into parked (app_id, endpoint_id, msg_id, chain, seq, tries, trigger)
    select i.app_id, i.endpoint_id, i.msg_id, i.chain, i.seq, i.tries, i.trigger
    from i join h on h.app_id = i.app_id and h.endpoint_id = i.endpoint_id and h.state <> 0
    order by i.nth
), r as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest($11::timestamptz, (select s.retry_low from slot s where s.id = i.slot)),
        i.slot, i.seq, i.tries, i.trigger, i.app_id, i.msg_id, i.endpoint_id, i.chain
    from i
    where not exists (select 1 from h
        where h.app_id = i.app_id and h.endpoint_id = i.endpoint_id and h.state <> 0)
    returning slot
)
select distinct slot from r
