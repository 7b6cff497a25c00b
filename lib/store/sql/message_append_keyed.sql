-- As message_append, for a batch in which events carry an Idempotency-Key (and none an eventId): an event
-- with a key is stored only when the key was free, and the key is taken only with it. The current bucket
-- is judged by the insert itself; only the others are looked through, the next one for the worker whose
-- clock is ahead.
-- $1 slot, $2 epoch, $3 to $9 as there, $10 keys, $11 body fingerprints, $12 current bucket of
-- idempotency, $13 oldest one, $14 newest one: the current or the next
with input as materialized (
    select i.n, i.app_id, i.id, i.key, i.body
    from unnest($3::int8[], $4::int8[], $5::int8[], $10::bytea[], $11::bytea[])
        with ordinality as i(app_id, id, version, key, body, n)
    where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8
        and s.append_above < ($4::int8[])[1])
        and i.version = (select case when a.deleted_at is null then a.version end
            from app a where a.id = i.app_id)
), keyed as (
    insert into idempotency (app_id, key, bucket, body, msg_id)
    select i.app_id, i.key, $12::int4, i.body, i.id from input i
    where i.key is not null
        and not exists (select 1 from idempotency o where o.app_id = i.app_id and o.key = i.key
            and o.bucket >= $13::int4 and o.bucket < $12::int4)
        and not exists (select 1 from idempotency o where o.app_id = i.app_id and o.key = i.key
            and o.bucket > $12::int4 and o.bucket <= $14::int4)
    order by i.app_id, i.key, i.id
    on conflict do nothing
    returning msg_id
)
insert into message (app_id, id, event_type, channels, targets, payload)
select i.app_id, i.id, i.event_type, i.channels, i.targets, i.payload
from unnest($3::int8[], $4::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
    as i(app_id, id, event_type, channels, targets, payload)
where i.id in (select msg_id from keyed union all select id from input where key is null)
returning id
