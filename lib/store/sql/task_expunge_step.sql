-- A step of a task of kind application.purge_content: forgets the payloads of the application's next messages, and
-- notes the task's progress. No row: the task is not ours any more.
-- $1 task, $2 owner, $3 cursor, $4 payloads at most, $5 lease in ms, $6 by whom (of all steps), $7 organisation,
-- $8 below this id, $9 application, $10 messages to look at
with mine as materialized (
    select id from task
    where id = $1::int8 and owner = $2::int8 and status = 'running' and cursor = $3::int8
        and by = $6::text and org = $7::text
    for update
), seen as materialized (
    select id, payload is not null as payload from message
    where app_id = $9::int8 and id > $3::int8 and id < $8::int8
    order by id limit (select $10::int4)
), picked as materialized (
    select id from seen where payload order by id limit $4::int4
), ended as materialized (
    select case when (select count(*) from picked) = $4::int4 then (select max(id) from picked)
            else (select max(id) from seen) end as at,
        (select count(*) from picked) < $4::int4 and (select count(*) from seen) < $10::int4 as finished
), gone as (
    update message m set payload = null
    from mine
    where m.app_id = $9::int8 and m.id > $3::int8 and m.id <= (select max(id) from picked)
        and m.payload is not null
    returning m.id
), moved as (
    update task t
    set cursor = coalesce((select at from ended), t.cursor),
        done = t.done + (select count(*) from gone),
        status = case when (select finished from ended) then 'finished' else t.status end,
        total = greatest(t.total, t.done + (select count(*) from gone)),
        lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        updated_at = clock_timestamp()
    from mine
    where t.id = mine.id
    returning t.cursor, t.status = 'finished' as finished
)
select cursor, finished from moved
