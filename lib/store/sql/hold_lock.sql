-- Before hold_close.sql: waits for those who park under the hold (park_append.sql) and stops new ones.
-- $1 application, $2 endpoint
select state from hold where app_id = $1::int8 and endpoint_id = $2::int8 for update
