-- Ends transactions that still hold the lock of a slot that lapsed or was released with work left: a stopped
-- process, or one whose connection broke unnoticed, may have sent half of one.
-- $1 slot
select count(pg_terminate_backend(l.pid))::int8
from pg_locks l
join slot s on s.id = $1::int2 and (s.owner is not null or s.dirty) and s.lease_until < now()
where l.locktype = 'advisory'
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.classid = slot_locks() and l.objid = $1::int2::int::oid
    and l.mode = 'ShareLock' and l.granted and l.pid <> pg_backend_pid()
