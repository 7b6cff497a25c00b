-- One more attempt for a message and an endpoint: its retry row, due at once, under fence.sql of the
-- same transaction. One row tells what there is, and whether the retry was stored; no row: there is
-- no such application, message or endpoint.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 endpoint's id or null, $7 endpoint's uid or null,
-- $8 slot, $9 epoch, $10 due, $11 chain
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.event_id, m.channels, m.targets, payload_kept(m.payload, m.extra) as payload
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
), e as (
    select e.id, e.disabled, e.unverified
    from a join endpoint e on e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($6::int8, (select o.id from endpoint o
            where o.app_id = a.id and o.uid = $7::text and o.deleted_at is null))
), planned as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest($10::timestamptz, (select s.retry_low from slot s where s.id = $8::int2)),
        $8::int2, 0, 0, 1, m.app_id, m.id, e.id, $11::int8
    from m, e
    where m.payload is not null and not (e.disabled or e.unverified) and exists (select 1 from slot s
        where s.id = $8::int2 and s.epoch = $9::int8 and s.owner is not null)
    returning msg_id
)
select m.app_id, m.id, e.id, m.payload is null, e.disabled, exists (select 1 from planned), e.unverified
from m, e
