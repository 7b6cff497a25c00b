-- Claims a key for a request, or tells whose it is; under idempotency_lock.sql. A claim without an
-- answer that is older than $6 seconds was left by a process that died: it may be taken over.
-- $1 application or 0, $2 key, $3 oldest bucket, $4 bucket now, $5 fingerprint of the request,
-- $6 seconds
-- Row: when it was claimed (null: it is somebody else's), and then of the other: whether its request
-- had the same fingerprint, status (null: still running), answer.
with found as (
    select body, status, answer, created_at from idempotency
    where app_id = $1::int8 and key = $2::bytea and bucket between $3::int4 and $4::int4 + 1
    order by bucket desc limit 1
), other as (
    select * from found
    where status is not null or created_at > clock_timestamp() - $6::int4 * interval '1 second'
), mine as (
    insert into idempotency (app_id, key, bucket, body, created_at)
    select $1::int8, $2::bytea, $4::int4, $5::bytea, clock_timestamp()
    where not exists (select 1 from other)
    on conflict (app_id, key, bucket) do update
    set body = excluded.body, created_at = excluded.created_at
    returning created_at
)
select (select created_at from mine), o.body = $5::bytea, o.status, o.answer
from (select 1) as one left join other o on true
