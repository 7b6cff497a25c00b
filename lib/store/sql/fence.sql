-- The owner's half of the fence: holds the locks of its slots shared until the transaction ends. The
-- epochs must be tested in a later statement, whose snapshot is younger than the lock.
-- $1 slots
select count(pg_advisory_xact_lock_shared(slot_locks(), s::int))::int8 from unnest($1::int2[]) as s
