-- The newest message id of a slot above a mark. $1 slot, $2 mark
select id from message
where id > $2::int8 and ((id >> 12) & 1023) = $1::int2
order by id desc limit 1
