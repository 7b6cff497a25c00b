-- Gives slots back. $1 slots, $2 epochs, $3 low-water marks, $4 retry marks, $5 whether work is left
update slot s
set owner = null, lease_until = clock_timestamp(), low_water = i.low_water, retry_low = i.retry_low,
    dirty = i.dirty, spare = false
from unnest($1::int2[], $2::int8[], $3::int8[], $4::timestamptz[], $5::bool[])
    as i(id, epoch, low_water, retry_low, dirty)
where s.id = i.id and s.epoch = i.epoch
