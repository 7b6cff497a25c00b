-- Keeps the answer of a request under the key it has claimed, unless another has taken that over.
-- $1 application or 0, $2 key, $3 bucket, $4 when it was claimed, $5 status, $6 answer
update idempotency set status = $5::int2, answer = $6::text
where app_id = $1::int8 and key = $2::bytea and bucket = $3::int4 and created_at = $4::timestamptz
    and status is null
