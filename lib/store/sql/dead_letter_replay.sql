-- Replays an open dead letter: marks it and stores the first step of a new chain, due at once, under
-- fence.sql of the same transaction. The chain bears the number of the dead letter, which is replayed
-- once. One row tells what there is, and whether it was replayed now; no row: there is none.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id, $5 slot, $6 epoch, $7 due, $8 by whom
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), was as materialized (
    select d.app_id, d.id, d.msg_id, d.endpoint_id,
        d.replayed_at is null and d.discarded_at is null as open,
        coalesce(m.payload is not null, false) as payload,
        coalesce(e.deleted_at is null, false) as live,
        coalesce(not (e.disabled or e.unverified), false) as enabled,
        coalesce(e.unverified, false) as unverified
    from a
    join dead_letter d on d.app_id = a.id and d.id = $4::int8
    left join lateral (
        select payload_kept(payload, extra) as payload from message
        where app_id = d.app_id and id = d.msg_id offset 0) m on true
    left join endpoint e on e.app_id = d.app_id and e.id = d.endpoint_id
), held as materialized (
    select id from slot where id = $5::int2 and epoch = $6::int8 and owner is not null
), marked as (
    update dead_letter d set replayed_at = now(), replayed_by = $8::text
    from was, held
    where d.app_id = was.app_id and d.id = $4::int8
        and d.replayed_at is null and d.discarded_at is null
        and was.payload and was.live and was.enabled
    returning d.app_id, d.id, d.msg_id, d.endpoint_id
), planned as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest($7::timestamptz, (select s.retry_low from slot s where s.id = $5::int2)),
        $5::int2, 0, 0, 2, app_id, msg_id, endpoint_id, id from marked
), noted as (
    insert into replayed (at, app_id, endpoint_id, msg_id, chain)
    select now(), app_id, endpoint_id, msg_id, id from marked
)
select app_id, id, msg_id, endpoint_id, open, payload, live, enabled,
    exists (select 1 from held), exists (select 1 from marked), unverified
from was
