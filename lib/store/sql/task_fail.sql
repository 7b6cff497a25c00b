-- Ends a task that cannot go on. $1 id, $2 owner
update task set status = 'failed', owner = null, updated_at = clock_timestamp()
where id = $1::int8 and owner = $2::int8 and status = 'running'
