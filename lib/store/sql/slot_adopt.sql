-- Takes a slot that is free or lapsed, under slot_lock.sql of the same transaction. In a free one
-- everything is resolved: its mark, which may be weeks old, moves up, so that a crash before the first
-- beat does not make the next adopter read all messages since.
-- $1 slot, $2 owner, $3 lease in ms
with before as materialized (
    select id, owner, dirty, low_water, retry_low from slot where id = $1::int2
)
update slot s
set owner = $2::int8, epoch = s.epoch + 1, spare = false,
    lease_until = clock_timestamp() + $3::int8 * interval '1 millisecond',
    low_water = case when b.owner is not null or b.dirty then s.low_water
        else greatest(s.low_water, id_floor(clock_timestamp()) - 1) end
from before b
where s.id = b.id and (s.owner is null or s.lease_until < clock_timestamp())
returning s.epoch, s.low_water, s.retry_low, (b.owner is not null or b.dirty), s.append_above
