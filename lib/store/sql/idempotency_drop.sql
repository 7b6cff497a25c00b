-- Gives a claimed key back: its request did nothing. $1 application or 0, $2 key, $3 bucket,
-- $4 when it was claimed
delete from idempotency
where app_id = $1::int8 and key = $2::bytea and bucket = $3::int4 and created_at = $4::timestamptz
    and status is null
