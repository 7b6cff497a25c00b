-- Lets requests with one key pass one after the other: held until the transaction ends, so that the
-- next statement sees what the one before has claimed. $1 application or 0, $2 first bytes of the key
select 1::int8 from pg_advisory_xact_lock($1::int8 # $2::int8)
