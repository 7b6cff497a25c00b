-- A step of a task that sends an endpoint messages of a stretch of time: of the application's next ones, those
-- that are meant get a chain of their own, due at once, whatever else is planned for them; and the task's
-- progress, under fence.sql and replay_turn.sql of the same transaction. The chain bears the number of the task,
-- which comes to a message once. Left out is what another replay has started and nobody has attempted yet: that
-- one will do for both. What has no payload any more counts as failed. Dead letters that are delivered again by
-- it are replayed. The task fails when the endpoint is no longer enabled. A row each for what was planned, and
-- one at least; no row: the task or the slot is not ours any more.
-- Meant is ($11, enum replay_which) 0 what was attempted for the endpoint, never succeeded, and the filter
-- selects (endpoint.recover); 1 the same, what has succeeded too (endpoint.bulk-replay); 2 what the endpoint's
-- own filter matches, what was never attempted for it, and what nothing will deliver: no step of it is parked
-- for the endpoint, which was no target of it, or its dead letter is open (endpoint.replay). What is to be
-- delivered later yet is not missing.
-- $1 task, $2 owner, $3 cursor, $4 messages to deliver at most, $5 lease in ms, $6 by whom, $7 organisation,
-- $8 below this id, $9 application, $10 endpoint, $11 what is meant, $12 event types or null, $13 channel or
-- null, $14 how it stands (0 success, 2 fail, 3 sending, as in endpoint_message_list_down) or null, $15 class
-- of the last answer's status or null, $16 tag or null, $17 slot, $18 epoch, $19 due, $20 messages to look at
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's. A dead
-- letter's id may be a little older than its message's.)
with mine as materialized (
    select id from task
    where id = $1::int8 and owner = $2::int8 and status = 'running' and cursor = $3::int8
    for update
), held as materialized (
    select id from slot where id = $17::int2 and epoch = $18::int8 and owner is not null
), live as materialized (
    select e.id, e.event_types, e.channels from endpoint e join app a on a.id = e.app_id
    where e.app_id = $9::int8 and e.id = $10::int8 and not (e.disabled or e.unverified) and e.deleted_at is null
        and a.org = $7::text and a.deleted_at is null
), seen as materialized (
    select id, event_type, channels, targets, (extra).tags, (extra).deliver_at,
        payload_kept(payload, extra) is not null as payload
    from message
    where app_id = $9::int8 and id > $3::int8 and id < $8::int8
    order by id limit (select $20::int4)
), started as materialized (
    select r.msg_id from replayed r
    where r.app_id = $9::int8 and r.endpoint_id = $10::int8
        and r.msg_id > $3::int8 and r.msg_id <= (select max(id) from seen)
        and not exists (select 1 from attempt t
            where t.app_id = $9::int8 and t.msg_id = r.msg_id and t.endpoint_id + 0 = $10::int8
                and t.chain = r.chain offset 0)
        and not exists (select 1 from dead_letter d
            where d.app_id = $9::int8 and d.msg_id = r.msg_id and d.endpoint_id = $10::int8
                and d.chain = r.chain and d.id > r.msg_id - id_span('20 minutes') offset 0)
), attempted as (
    select m.id, m.payload
    from seen m
    cross join lateral (
        select bool_or(t.status = 0) as success,
            (array_agg(t.http_status order by t.id desc))[1] / 100 as class,
            bool_or(t.is_last and t.next_at is not null and not exists (
                select 1 from dead_letter d
                where d.app_id = $9::int8 and d.msg_id = m.id and d.endpoint_id = $10::int8
                    and d.chain = t.chain and d.id > m.id - id_span('20 minutes'))) as planned
        from (
            select id, status, http_status, chain, next_at,
                row_number() over (partition by chain order by id desc) = 1 as is_last
            from attempt
            where app_id = $9::int8 and msg_id = m.id and endpoint_id + 0 = $10::int8) t
        having count(*) > 0) q
    where $11::int2 <> 2
        and ($12::text[] is null or m.event_type = any($12::text[]))
        and ($13::text is null or $13::text = any(string_to_array(m.channels, ',')))
        and ($16::text is null or $16::text = any(string_to_array(m.tags, U&'\001F')))
        and not ($11::int2 = 0 and q.success)
        and ($15::int2 is null or q.class = $15::int2)
        and ($14::int2 is null or $14::int2 = case when q.success then 0
            when q.planned or exists (
                select 1 from parked k
                where k.app_id = $9::int8 and k.msg_id = m.id and k.endpoint_id + 0 = $10::int8
                    and not exists (select 1 from attempt t
                        where t.app_id = k.app_id and t.msg_id = k.msg_id
                            and t.endpoint_id + 0 = k.endpoint_id and t.chain = k.chain
                            and t.seq >= k.seq and (k.key is null or t.status = 0))
                    and not exists (select 1 from dead_letter d
                        where d.app_id = k.app_id and d.msg_id = k.msg_id
                            and d.endpoint_id = k.endpoint_id and d.chain = k.chain
                            and d.seq >= k.seq and d.id > m.id - id_span('20 minutes'))) then 3
            else 2 end)
), missing as (
    select m.id, m.payload
    from seen m, live e
    where $11::int2 = 2
        and (e.event_types is null or m.event_type = any(e.event_types))
        and (e.channels is null or string_to_array(m.channels, ',') && e.channels)
        and (m.deliver_at is null or m.deliver_at <= now())
        and not exists (select 1 from attempt t
            where t.app_id = $9::int8 and t.msg_id = m.id and t.endpoint_id + 0 = $10::int8 offset 0)
        and not exists (select 1 from parked k
            where k.app_id = $9::int8 and k.msg_id = m.id and k.endpoint_id + 0 = $10::int8
                and not exists (select 1 from dead_letter d
                    where d.app_id = k.app_id and d.msg_id = k.msg_id and d.endpoint_id = k.endpoint_id
                        and d.chain = k.chain and d.seq >= k.seq and d.id > m.id - id_span('20 minutes'))
                offset 0)
        and (not exists (select 1 from generate_series(0, octet_length(m.targets) / 8 - 1) n
                where substring(m.targets from n * 8 + 1 for 8) = int8send($10::int8))
            or exists (select 1 from dead_letter d
                where d.app_id = $9::int8 and d.msg_id = m.id and d.endpoint_id = $10::int8
                    and d.id > m.id - id_span('20 minutes')
                    and d.replayed_at is null and d.discarded_at is null offset 0))
), picked as materialized (
    select id, payload from (select * from attempted union all select * from missing) m
    where id not in (select msg_id from started)
    order by id limit $4::int4
), ended as materialized (
    select case when (select count(*) from picked) = $4::int4 then (select max(id) from picked)
            else (select max(id) from seen) end as at,
        (select count(*) from picked) < $4::int4 and (select count(*) from seen) < $20::int4 as finished
), good as materialized (
    select p.id from picked p, live, held, mine where p.payload
), letters as materialized (
    select d.id, g.id as msg_id from good g
    cross join lateral (
        select id from dead_letter
        where app_id = $9::int8 and msg_id = g.id and endpoint_id = $10::int8
            and id > g.id - id_span('20 minutes') and replayed_at is null and discarded_at is null
        offset 0) d
), closed as (
    update dead_letter d set replayed_at = now(), replayed_by = $6::text
    where d.app_id = $9::int8 and d.id = any(array(select id from letters))
        and d.id > $3::int8 - id_span('20 minutes')
        and d.replayed_at is null and d.discarded_at is null
    returning d.id
), ours as materialized (
    -- Without those of which somebody closes a dead letter at this moment.
    select id from good
    where id not in (select msg_id from letters where id not in (select id from closed))
), planned as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest($19::timestamptz, (select s.retry_low from slot s where s.id = $17::int2)),
        $17::int2, 0, 0, 2, $9::int8, o.id, $10::int8, $1::int8 from ours o
    returning msg_id
), noted as (
    insert into replayed (at, app_id, endpoint_id, msg_id, chain)
    select now(), $9::int8, $10::int8, o.id, $1::int8 from ours o
), counted as materialized (
    select (select count(*) from ours) as done,
        (select count(*) from picked) - (select count(*) from good) as failed
), moved as (
    update task t
    set cursor = coalesce(e.at, t.cursor), done = t.done + c.done, failed = t.failed + c.failed,
        status = case when not exists (select 1 from live) then 'failed'
            when e.finished then 'finished' else t.status end,
        total = greatest(case when not e.finished then t.total end,
            t.done + c.done + t.failed + c.failed),
        lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        updated_at = clock_timestamp()
    from mine, ended e, counted c
    where t.id = mine.id and exists (select 1 from held)
    returning t.cursor, t.status <> 'running' as finished
)
select moved.cursor, moved.finished, $9::int8, case when p.msg_id is not null then $1::int8 end, p.msg_id,
    $10::int8
from moved left join planned p on true
