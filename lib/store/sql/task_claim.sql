-- Takes a running task that nobody works on: of the application for which the fewest are worked on, the one that
-- has waited longest. $1 owner, $2 lease in ms, $3 names of the tasks that the worker knows
with busy as materialized (
    select org, app_id, count(*) as n from task
    where status = 'running' and lease_until >= clock_timestamp()
    group by org, app_id
)
update task t
set owner = $1::int8, lease_until = clock_timestamp() + $2::int8 * interval '1 millisecond'
where t.id = (select w.id from task w
        where w.status = 'running' and w.lease_until < clock_timestamp() and w.name = any($3::text[])
        order by (select b.n from busy b
                where b.org = w.org and b.app_id is not distinct from w.app_id) nulls first,
            w.lease_until, w.id
        limit 1 for update skip locked)
    and t.status = 'running' and t.lease_until < clock_timestamp()
returning t.id, t.org, t.app_id, t.name, t.filter, t.rate_per_second, t.cursor, t.by
