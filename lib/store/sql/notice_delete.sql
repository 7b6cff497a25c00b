-- Notices that have become events, or that nobody watches for. $1 ids
delete from notice where id = any($1::int8[])
