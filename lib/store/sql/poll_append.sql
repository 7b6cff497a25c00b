-- What polling endpoints have to read, in the transaction of the append: of those messages only that it has
-- stored. One array for each column: $1 applications, $2 messages, $3 polling endpoints. Returns no rows.
-- (offset 0: row by row, never a join over all messages.)
insert into polled (app_id, endpoint_id, msg_id, pos)
select i.app_id, i.endpoint_id, i.msg_id, (select poll_pos(pg_current_xact_id()))
from unnest($1::int8[], $2::int8[], $3::int8[]) as i(app_id, msg_id, endpoint_id)
where exists (select 1 from message m where m.app_id = i.app_id and m.id = i.msg_id offset 0)
