-- Pauses, resumes or cancels a background task. Whoever runs it loses it. No row: there is none, or
-- it is not in one of the states from which that can be done.
-- $1 organisation, $2 id, $3 the states, $4 the new one
update task t
set status = $4::text, owner = null, lease_until = '-infinity', updated_at = clock_timestamp()
where t.id = $2::int8 and t.org = $1::text and t.status = any($3::text[])
returning t.id, t.name, t.status, t.total, t.done, t.failed, t.rate_per_second, t.app_id, t.filter, t.by,
    t.created_at, t.updated_at, t.cursor
