-- As message_append_keyed, for a batch in which events carry an eventId: it is taken in the same manner, and
-- an event is stored only when all its names were free.
-- $1 slot, $2 epoch, $3 to $9 as in message_append, $10 keys, $11 body fingerprints, $12 current bucket of
-- idempotency, $13 oldest one, $14 newest one, $15 eventIds, $16 current bucket of message_uid, $17 oldest
-- one
with input as materialized (
    select i.*
    from unnest($3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
        $10::bytea[], $11::bytea[], $15::text[])
        as i(app_id, id, version, event_type, channels, targets, payload, key, body, event_id)
    where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8
        and s.append_above < ($4::int8[])[1])
        and i.version = (select case when a.deleted_at is null then a.version end
            from app a where a.id = i.app_id)
        and (i.key is null or not exists (select 1 from idempotency o
            where o.app_id = i.app_id and o.key = i.key
                and o.bucket between $13::int4 and $14::int4 and o.bucket <> $12::int4))
        and (i.event_id is null or not exists (select 1 from message_uid o
            where o.app_id = i.app_id and o.event_id = i.event_id
                and o.bucket between $17::int4 and $16::int4 + 1 and o.bucket <> $16::int4))
), named as (
    insert into message_uid (app_id, event_id, bucket, msg_id)
    select app_id, event_id, $16::int4, id from input where event_id is not null
    order by app_id, event_id, id
    on conflict do nothing
    returning msg_id
), keyed as (
    insert into idempotency (app_id, key, bucket, body, msg_id)
    select i.app_id, i.key, $12::int4, i.body, i.id from input i
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
