-- Ties a key to one request for as long as it is remembered, or tells whether it is tied to this one;
-- under idempotency_lock.sql.
-- $1 application or 0, $2 key, $3 oldest bucket, $4 bucket now, $5 fingerprint of the request
-- Row: whether the key is this request's.
with found as (
    select body from idempotency
    where app_id = $1::int8 and key = $2::bytea and bucket between $3::int4 and $4::int4 + 1
    order by bucket desc limit 1
), mine as (
    insert into idempotency (app_id, key, bucket, body, created_at)
    select $1::int8, $2::bytea, $4::int4, $5::bytea, clock_timestamp()
    where not exists (select 1 from found)
    on conflict do nothing
)
select coalesce((select body from found) = $5::bytea, true)
