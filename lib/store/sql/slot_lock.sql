-- The adopter's half of the fence: waits until no batch of the slot's owner is under way. The batches
-- take the same lock shared (fence.sql).
-- $1 slot
select pg_advisory_xact_lock(slot_locks(), $1::int2::int)::text
