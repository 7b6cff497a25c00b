-- Results of attempts that all were successes: facts, stored whoever owns the slot now. The usual batch;
-- without a condition its plan is made once and kept, where attempt_append.sql is planned each time.
-- One array for each column.
insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger, http_status,
    transport, duration_ms, url_no, next_at, response, error)
select i.app_id, i.msg_id, i.id, i.endpoint_id, i.chain, i.seq, i.tries, i.status, i.trigger,
    i.http_status, i.transport, i.duration_ms, i.url_no, i.next_at, i.response, i.error
from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int2[], $7::int2[],
    $8::int2[], $9::int2[], $10::int2[], $11::int2[], $12::int4[], $13::int2[], $14::timestamptz[],
    $15::bytea[], $16::text[])
    as i(app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger, http_status,
        transport, duration_ms, url_no, next_at, response, error)
