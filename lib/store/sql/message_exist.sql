-- Which messages are stored. $1 applications, $2 messages
select m.id
from unnest($1::int8[], $2::int8[]) as i(app_id, id)
join message m on m.app_id = i.app_id and m.id = i.id
