-- As message_append, for a batch in which events carry an eventId or an Idempotency-Key: an event is
-- stored only when its names were free, and the names are taken only with it. The bucket after
-- the current one is that of a worker whose clock is ahead.
-- $1 slot, $2 epoch, $3 to $9 as there, $10 eventIds, $11 keys, $12 body fingerprints,
-- $13 current bucket of message_uid, $14 oldest one, $15 current bucket of idempotency, $16 oldest one
with input as materialized (
    select i.*
    from unnest($3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
        $10::text[], $11::bytea[], $12::bytea[])
        as i(app_id, id, version, event_type, channels, targets, payload, event_id, key, body)
    join app a on a.id = i.app_id and a.version = i.version and a.deleted_at is null
    where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8)
        and (i.key is null or not exists (select 1 from idempotency o
            where o.app_id = i.app_id and o.key = i.key
                and o.bucket between $16::int4 and $15::int4 + 1 and o.bucket <> $15::int4))
        and (i.event_id is null or not exists (select 1 from message_uid o
            where o.app_id = i.app_id and o.event_id = i.event_id
                and o.bucket between $14::int4 and $13::int4 + 1 and o.bucket <> $13::int4))
), named as (
    insert into message_uid (app_id, event_id, bucket, msg_id)
    select app_id, event_id, $13::int4, id from input where event_id is not null
    order by app_id, event_id
    on conflict do nothing
    returning msg_id
), keyed as (
    insert into idempotency (app_id, key, bucket, body, msg_id)
    select i.app_id, i.key, $15::int4, i.body, i.id from input i
    where i.key is not null
        and (i.event_id is null or i.id in (select msg_id from named))
    order by i.app_id, i.key
    on conflict do nothing
    returning msg_id
)
insert into message (app_id, id, event_type, event_id, channels, targets, payload)
select i.app_id, i.id, i.event_type, i.event_id, i.channels, i.targets, i.payload
from input i
where (i.event_id is null or i.id in (select msg_id from named))
    and (i.key is null or i.id in (select msg_id from keyed))
returning id
