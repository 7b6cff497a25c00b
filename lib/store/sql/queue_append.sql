-- The first steps of deliveries that have their order, in the transaction of the append: of those messages
-- only that it has stored. Their numbers are in the order of the arrays. The hold is locked, so that nobody
-- closes it meanwhile; where it is closed already, as the order was taken away, the step is due at once
-- instead. Returns the messages of those. $1 slot, $2 due, then one array for each column.
-- (offset 0: row by row, never a join over all messages.)
with i as materialized (
    select i.* from unnest($3::int8[], $4::int8[], $5::int8[], $6::int8[]) with ordinality
        as i(app_id, msg_id, endpoint_id, key, nth)
    where exists (select 1 from message m where m.app_id = i.app_id and m.id = i.msg_id offset 0)
), h as materialized (
    select h.app_id, h.endpoint_id, h.state <> 0 or h.ordered as kept from hold h
    where (h.app_id, h.endpoint_id) in (select i.app_id, i.endpoint_id from i)
    order by h.app_id, h.endpoint_id
    for key share
), p as (
    insert into parked (app_id, endpoint_id, msg_id, chain, seq, tries, trigger, key)
    select i.app_id, i.endpoint_id, i.msg_id, 0, 0, 0, 0, i.key
    from i join h on h.app_id = i.app_id and h.endpoint_id = i.endpoint_id and h.kept
    order by i.nth
)
insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
select greatest($2::timestamptz, (select s.retry_low from slot s where s.id = $1::int2)),
    $1::int2, 0, 0, 0, i.app_id, i.msg_id, i.endpoint_id, 0
from i
where not exists (select 1 from h
    where h.app_id = i.app_id and h.endpoint_id = i.endpoint_id and h.kept)
returning msg_id
