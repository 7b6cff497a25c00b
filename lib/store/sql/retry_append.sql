-- Steps that are due later, under a held slot; never below the slot's retry mark, which a clock that was set
-- back would be. $1 slots, $2 epochs, then one array for each column.
insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
select greatest(i.due, (select s.retry_low from slot s where s.id = i.slot)), i.slot, i.seq, i.tries, i.trigger, i.app_id, i.msg_id, i.endpoint_id, i.chain
from unnest($3::timestamptz[], $4::int2[], $5::int2[], $6::int2[], $7::int2[], $8::int8[],
    $9::int8[], $10::int8[], $11::int8[])
    as i(due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
where i.slot in (
    select s.id from slot s
    join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch)
