-- A step of a task that asks what applications use: of the next ones, either counts the attempts (of kind
-- application.stats), by whole hours, all of those that the stretch touches; or, without a stretch, notes which
-- event types their endpoints name (event-type.aggregate). And the task's progress. No row: the task is not
-- ours any more.
-- $1 task, $2 owner, $3 cursor, $4 applications at most, $5 lease in ms, $6 by whom (of all steps),
-- $7 organisation, $8 below this id, $9 application or null, $10 since or null, $11 until or null, $12 only
-- these applications or null, $13 applications to look at
with mine as materialized (
    select id from task
    where id = $1::int8 and owner = $2::int8 and status = 'running' and cursor = $3::int8
        and by = $6::text and org = $7::text
    for update
), picked as materialized (
    select id, uid from app
    where org = $7::text and id > $3::int8 and id < $8::int8 and deleted_at is null
        and ($9::int8 is null or id = $9::int8) and ($12::int8[] is null or id = any($12::int8[]))
    order by id limit (select least($4::int4, $13::int4))
), found as (
    select p.id, p.uid,
        case when $10::timestamptz is not null then (
            select coalesce(sum(h.success + h.fail), 0)::int8
            from attempt_tally d
            cross join unnest(d.success, d.fail) with ordinality as h(success, fail, no)
            where d.app_id = p.id
                and d.day >= (($10::timestamptz - interval '1 hour') at time zone 'UTC')::date
                and d.day <= ($11::timestamptz at time zone 'UTC')::date
                and (d.day + (h.no - 1) * interval '1 hour') at time zone 'UTC'
                    > $10::timestamptz - interval '1 hour'
                and (d.day + (h.no - 1) * interval '1 hour') at time zone 'UTC' < $11::timestamptz) end
            as deliveries,
        case when $10::timestamptz is null then
            array(select distinct named from endpoint e cross join unnest(e.event_types) as named
                where e.app_id = p.id and e.deleted_at is null order by named) end as event_types,
        case when $10::timestamptz is null then
            exists (select 1 from endpoint e
                where e.app_id = p.id and e.deleted_at is null and e.event_types is null) end as catch_all
    from picked p
), stored as (
    insert into task_result (task_id, app_id, app_uid, deliveries, event_types, catch_all)
    select mine.id, f.id, f.uid, f.deliveries, f.event_types, f.catch_all from mine, found f
), moved as (
    update task t
    set cursor = coalesce((select max(id) from picked), t.cursor),
        done = t.done + (select count(*) from picked),
        status = case when (select count(*) from picked) < $4::int4 then 'finished' else t.status end,
        total = greatest(t.total, t.done + (select count(*) from picked)),
        lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        updated_at = clock_timestamp()
    from mine
    where t.id = mine.id
    returning t.cursor, t.status = 'finished' as finished
)
select cursor, finished from moved
