-- A step of a task of kind dead_letter.replay: as dead_letter_replay for the next open dead letters
-- that its filter selects, and the task's progress, under fence.sql of the same transaction. Letters
-- that cannot be delivered (no payload, no live endpoint) stay open and count as failed. A row each
-- for those replayed, and one at least; no row: the task or the slot is not ours any more.
-- $1 task, $2 owner, $3 cursor, $4 dead letters at most, $5 lease in ms, $6 by whom, $7 organisation,
-- $8 below this id, $9 application or null, $10 endpoint's id or null, $11 its uid or null,
-- $12 event types or null, $13 reason or null, $14 class of the last status or null, $15 slot, $16 epoch, $17 due,
-- $18 dead letters to look at
with mine as materialized (
    select id from task
    where id = $1::int8 and owner = $2::int8 and status = 'running' and cursor = $3::int8
    for update
), held as materialized (
    select id from slot where id = $15::int2 and epoch = $16::int8 and owner is not null
), seen as materialized (
    select app_id, id, msg_id, endpoint_id, event_type, reason, last_status, replayed_at, discarded_at
    from dead_letter
    where org = $7::text and id > $3::int8 and id < $8::int8
    order by id limit (select $18::int4)
), picked as materialized (
    select d.app_id, d.id, d.msg_id, d.endpoint_id
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
        (select count(*) from picked) < $4::int4 and (select count(*) from seen) < $18::int4 as finished
), good as materialized (
    select p.app_id, p.id
    from picked p
    join endpoint e on e.app_id = p.app_id and e.id = p.endpoint_id
        and not (e.disabled or e.unverified) and e.deleted_at is null
    join app a on a.id = p.app_id and a.deleted_at is null
    where (select payload_kept(m.payload, m.extra) is not null from message m
        where m.app_id = p.app_id and m.id = p.msg_id)
), marked as (
    update dead_letter d set replayed_at = now(), replayed_by = $6::text
    from mine, held
    where d.org = $7::text and d.id > $3::int8 and d.id <= (select max(id) from picked)
        and d.id in (select id from good)
        and d.replayed_at is null and d.discarded_at is null
    returning d.app_id, d.id, d.msg_id, d.endpoint_id
), planned as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest($17::timestamptz, (select s.retry_low from slot s where s.id = $15::int2)),
        $15::int2, 0, 0, 2, app_id, msg_id, endpoint_id, id from marked
), noted as (
    insert into replayed (at, app_id, endpoint_id, msg_id, chain)
    select now(), app_id, endpoint_id, msg_id, id from marked
), counted as materialized (
    select (select count(*) from marked) as done,
        (select count(*) from picked) - (select count(*) from good) as failed
), moved as (
    update task t
    set cursor = coalesce(e.at, t.cursor), done = t.done + c.done, failed = t.failed + c.failed,
        status = case when e.finished then 'finished' else t.status end,
        total = greatest(case when not e.finished then t.total end,
            t.done + c.done + t.failed + c.failed),
        lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        updated_at = clock_timestamp()
    from mine, ended e, counted c
    where t.id = mine.id and exists (select 1 from held)
    returning t.cursor, t.status = 'finished' as finished
)
select moved.cursor, moved.finished, k.app_id, k.id, k.msg_id, k.endpoint_id
from moved left join marked k on true
