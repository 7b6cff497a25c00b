-- Results of attempts. A success is a fact and is always stored; a failure only together with what
-- follows from it, so only under a held slot. $1 slots, $2 epochs, then one array for each column, $20
-- whether some of them may be stored already (a commit that was not answered).
insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger, http_status,
    transport, duration_ms, url_no, next_at, response, error)
select i.app_id, i.msg_id, i.id, i.endpoint_id, i.chain, i.seq, i.tries, i.status, i.trigger,
    i.http_status, i.transport, i.duration_ms, i.url_no, i.next_at, i.response, i.error
from unnest($3::int2[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int2[],
    $10::int2[], $11::int2[], $12::int2[], $13::int2[], $14::int2[], $15::int4[], $16::int2[],
    $17::timestamptz[], $18::bytea[], $19::text[])
    as i(slot, app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger, http_status,
        transport, duration_ms, url_no, next_at, response, error)
where (i.status = 0 or i.slot in (
    select s.id from slot s
    join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch))
    and (not $20::bool or not exists (select 1 from attempt a
        where a.app_id = i.app_id and a.msg_id = i.msg_id and a.id = i.id offset 0))
