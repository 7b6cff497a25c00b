-- Which slots are still owned under these epochs. $1 slots, $2 epochs
select s.id from slot s
join unnest($1::int2[], $2::int8[]) as f(id, epoch) on s.id = f.id and s.epoch = f.epoch
