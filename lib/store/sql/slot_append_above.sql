-- Shuts out appends whose fate is looked up, under slot_lock.sql of the same transaction. Under another epoch
-- they are shut out already. $1 slot, $2 epoch, $3 the newest id that is looked for
update slot set append_above = greatest(append_above, $3::int8) where id = $1::int2 and epoch = $2::int8
