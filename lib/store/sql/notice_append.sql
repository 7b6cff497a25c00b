-- What attempts have shown, for organisations that somebody watches: a success is told as a fact, a failure
-- under a held slot. $1 slots, $2 epochs, then one array for each column.
insert into notice (org, event_type, app_id, app_uid, endpoint_id, endpoint_uid, msg_id, attempt_id,
    http_status)
select a.org, i.event_type, a.id, a.uid, i.endpoint_id, e.uid, i.msg_id, i.attempt_id, i.http_status
from unnest($3::int2[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int2[])
    as i(slot, event_type, app_id, endpoint_id, msg_id, attempt_id, http_status)
join app a on a.id = i.app_id
left join endpoint e on e.app_id = i.app_id and e.id = i.endpoint_id
where (i.event_type = 'message.attempt.recovered' or i.slot in (
    select s.id from slot s
    join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch))
    and watched(a.org)
