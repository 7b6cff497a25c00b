-- Puts a task back into the line, behind those that wait. No row: none does, or the task is not ours any more.
-- $1 id, $2 owner, $3 names of the tasks that the worker knows
update task t set owner = null, lease_until = clock_timestamp()
where t.id = $1::int8 and t.owner = $2::int8 and t.status = 'running'
    and exists (select 1 from task w
        where w.status = 'running' and w.lease_until < clock_timestamp() and w.name = any($3::text[]))
returning t.id
