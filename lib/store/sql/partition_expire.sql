-- Drops one partition that is not needed any more and returns its name, or null.
-- $1 retention in ms, $2 life of idempotency keys in ms
select partition_expire($1::int8 * interval '1 millisecond', $2::int8 * interval '1 millisecond')
