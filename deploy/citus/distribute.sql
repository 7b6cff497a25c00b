-- Distributes the log by application over the nodes of a Citus cluster. Run on the coordinator, after
-- `posthornd migrate` (docs/scaling.md, "Citus", says what that is good for and what it is not). Every
-- table of the schema is named once, here; tests/e2e/test_citus.py checks that, and what follows from it.
begin;

-- The log. One application's rows of every table are on one node.
select create_distributed_table('message', 'app_id');
select create_distributed_table('message_uid', 'app_id', colocate_with => 'message');
select create_distributed_table('idempotency', 'app_id', colocate_with => 'message');
select create_distributed_table('attempt', 'app_id', colocate_with => 'message');
select create_distributed_table('retry', 'app_id', colocate_with => 'message');
select create_distributed_table('dead_letter', 'app_id', colocate_with => 'message');
select create_distributed_table('attempt_tally', 'app_id', colocate_with => 'message');
select create_distributed_table('replayed', 'app_id', colocate_with => 'message');

-- Used in conditions that the nodes evaluate.
select create_distributed_function('id_floor(timestamptz)');
select create_distributed_function('id_span(interval)');
select create_distributed_function('payload_kept(bytea, message_extra)');

-- The rest stays on the coordinator, where the workers are connected. The catalogue is small, changes
-- by hand and is cached by every worker; as reference tables it could not be updated with
-- clock_timestamp().
--   local table: app
--   local table: endpoint
--   local table: endpoint_url
--   local table: event_type
--   local table: token_void
-- What waits for an endpoint that is held, numbered by one sequence.
--   local table: hold
--   local table: parked
-- What polling endpoints have to read, in the order of the coordinator's transactions.
--   local table: polling_endpoint
--   local table: polled
--   local table: polled_later
--   local table: poll_consumer
--   local table: poll_era
-- Ownership, background work and upkeep, with the locks that guard them.
--   local table: slot
--   local table: throttle
--   local table: payload_expiry
--   local table: payload_expired
--   local table: notice
--   local table: task
--   local table: task_result
--   local table: partition_rule
--   local table: schema_migration

commit;
