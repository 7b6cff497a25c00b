-- How far the streams of polling endpoints are in order, for a later statement: below the oldest append that
-- runs, whatever else is open in this cluster. An append holds a fence (fence.sql) from before it has a number
-- until all see what it did. What runs at this statement's snapshot and holds none any more has ended, and the
-- later statement sees it.
with s as materialized (
    select pg_current_snapshot() as s
), held as materialized (
    select max(l.transactionid::text::int8) as xid
    from pg_locks l
    where l.granted and l.locktype in ('transactionid', 'advisory')
    group by l.virtualtransaction
    having bool_or(l.locktype = 'advisory' and l.classid = slot_locks()
        and l.database = (select oid from pg_database where datname = current_database()))
)
select least(poll_pos(pg_snapshot_xmax(s.s)), (
    select min(poll_pos(x)) from pg_snapshot_xip(s.s) x
    where (x::text::int8 & 4294967295) in (select xid from held where xid is not null)))
from s
