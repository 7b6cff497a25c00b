-- A step of a task of kind dead_letter.discard: closes the next open dead letters that its filter
-- selects, and notes the task's progress. No row: the task is not ours any more.
-- $1 task, $2 owner, $3 cursor, $4 dead letters at most, $5 lease in ms, $6 by whom, $7 organisation,
-- $8 below this id, $9 application or null, $10 endpoint's id or null, $11 its uid or null,
-- $12 event types or null, $13 reason or null, $14 class of the last status or null,
-- $15 dead letters to look at
with mine as materialized (
    select id from task
    where id = $1::int8 and owner = $2::int8 and status = 'running' and cursor = $3::int8
    for update
), seen as materialized (
    select app_id, id, msg_id, endpoint_id, event_type, reason, last_status, replayed_at, discarded_at
    from dead_letter
    where org = $7::text and id > $3::int8 and id < $8::int8
    order by id limit (select $15::int4)
), picked as materialized (
    select d.id
    from seen d
    where d.replayed_at is null and d.discarded_at is null
        and ($9::int8 is null or d.app_id = $9::int8)
        and (($10::int8 is null and $11::text is null) or d.endpoint_id = coalesce($10::int8,
            (select e.id from endpoint e
                where e.app_id = d.app_id and e.uid = $11::text and e.deleted_at is null)))
        and ($12::text[] is null or d.event_type = any($12::text[]))
        and ($13::int2 is null or d.reason = $13::int2)
        and ($14::int2 is null or d.last_status / 100 = $14::int2)
    order by d.id limit $4::int4
), ended as materialized (
    select case when (select count(*) from picked) = $4::int4 then (select max(id) from picked)
            else (select max(id) from seen) end as at,
        (select count(*) from picked) < $4::int4 and (select count(*) from seen) < $15::int4 as finished
), marked as (
    update dead_letter d set discarded_at = now(), discarded_by = $6::text
    from mine
    where d.org = $7::text and d.id > $3::int8 and d.id <= (select max(id) from picked)
        and d.id in (select id from picked)
        and d.replayed_at is null and d.discarded_at is null
    returning d.id
), counted as materialized (
    select count(*) as done from marked
), moved as (
    update task t
    set cursor = coalesce(e.at, t.cursor), done = t.done + c.done,
        status = case when e.finished then 'finished' else t.status end,
        total = greatest(case when not e.finished then t.total end, t.done + c.done),
        lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        updated_at = clock_timestamp()
    from mine, ended e, counted c
    where t.id = mine.id
    returning t.cursor, t.status = 'finished' as finished
)
select cursor, finished from moved
