-- As poll_append, of messages with a time of delivery: they have no place in the order before it.
-- $1 applications, $2 messages, $3 polling endpoints, $4 times. Returns no rows.
insert into polled_later (app_id, endpoint_id, msg_id, due)
select i.app_id, i.endpoint_id, i.msg_id, i.due
from unnest($1::int8[], $2::int8[], $3::int8[], $4::timestamptz[]) as i(app_id, msg_id, endpoint_id, due)
where exists (select 1 from message m where m.app_id = i.app_id and m.id = i.msg_id offset 0)
