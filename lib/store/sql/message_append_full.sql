-- As message_append_named, for what is rare: events with tags, a time of their own or a payload that is to be
-- forgotten, and the minutes around the edge of a bucket of names. There the clocks of two workers may name
-- different buckets: each then takes both, the older first, so that of two only one can.
-- An event with a time has its first steps as rows of `retry`, with it: nothing else is to be done for it
-- until then.
-- $1 slot, $2 epoch, $3 to $17 as in message_append_named, $18 the other bucket of idempotency, or null, $19 the
-- other one of message_uid, or null, then an array each: $20 tags, joined, or null, $21 times of delivery or null,
-- $22 times at which payloads are forgotten or null
with input as materialized (
    select i.*
    from unnest($3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
        $10::bytea[], $11::bytea[], $15::text[], $20::text[], $21::timestamptz[], $22::timestamptz[])
        as i(app_id, id, version, event_type, channels, targets, payload, key, body, event_id, tags,
            deliver_at, forget_at)
    where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8
        and s.append_above < ($4::int8[])[1])
        and i.version = (select case when a.deleted_at is null then a.version end
            from app a where a.id = i.app_id)
        and (i.key is null or not exists (select 1 from idempotency o
            where o.app_id = i.app_id and o.key = i.key
                and o.bucket between $13::int4 and $14::int4 and o.bucket <> $12::int4
                and o.bucket is distinct from $18::int4))
        and (i.event_id is null or not exists (select 1 from message_uid o
            where o.app_id = i.app_id and o.event_id = i.event_id
                and o.bucket between $17::int4 and $16::int4 + 1 and o.bucket <> $16::int4
                and o.bucket is distinct from $19::int4))
), named as (
    insert into message_uid (app_id, event_id, bucket, msg_id)
    select app_id, event_id, least($16::int4, $19::int4), id from input where event_id is not null
    order by app_id, event_id, id
    on conflict do nothing
    returning msg_id
), named_twice as (
    insert into message_uid (app_id, event_id, bucket, msg_id)
    select app_id, event_id, greatest($16::int4, $19::int4), id from input
    where $19::int4 is not null and id in (select msg_id from named)
    order by app_id, event_id, id
    on conflict do nothing
    returning msg_id
), fit as materialized (
    select * from input
    where event_id is null or id in (select msg_id from named_twice)
        or ($19::int4 is null and id in (select msg_id from named))
), keyed as (
    insert into idempotency (app_id, key, bucket, body, msg_id)
    select app_id, key, least($12::int4, $18::int4), body, id from fit where key is not null
    order by app_id, key, id
    on conflict do nothing
    returning msg_id
), keyed_twice as (
    insert into idempotency (app_id, key, bucket, body, msg_id)
    select app_id, key, greatest($12::int4, $18::int4), body, id from fit
    where $18::int4 is not null and id in (select msg_id from keyed)
    order by app_id, key, id
    on conflict do nothing
    returning msg_id
), stored as (
    insert into message (app_id, id, event_type, event_id, channels, targets, payload, extra)
    select app_id, id, event_type, event_id, channels, targets, payload,
        case when tags is not null or deliver_at is not null or forget_at is not null
            then (tags, deliver_at, forget_at)::message_extra end
    from fit
    where key is null or id in (select msg_id from keyed_twice)
        or ($18::int4 is null and id in (select msg_id from keyed))
    returning id
), planned as (
    insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)
    select greatest(i.deliver_at, (select s.retry_low from slot s where s.id = $1::int2)),
        $1::int2, 0, 0, 0, i.app_id, i.id,
        ('x' || encode(substr(i.targets, 8 * t + 1, 8), 'hex'))::bit(64)::int8, 0
    from fit i, generate_series(0, octet_length(i.targets) / 8 - 1) t
    where i.deliver_at is not null and i.id in (select id from stored)
), expiring as (
    insert into payload_expiry (forget_at, app_id, msg_id)
    select forget_at, app_id, id from fit
    where forget_at is not null and id in (select id from stored)
)
select id from stored
