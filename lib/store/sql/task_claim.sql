-- Takes a running task that nobody works on. $1 owner, $2 lease in ms, $3 names of the tasks that the worker
-- knows
update task t
set owner = $1::int8, lease_until = clock_timestamp() + $2::int8 * interval '1 millisecond'
where t.id = (select id from task
        where status = 'running' and lease_until < clock_timestamp() and name = any($3::text[])
        order by lease_until limit 1 for update skip locked)
    and t.status = 'running' and t.lease_until < clock_timestamp()
returning t.id, t.org, t.app_id, t.name, t.filter, t.rate_per_second, t.cursor, t.by
