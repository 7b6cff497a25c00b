-- Steps that start deliveries to one endpoint take turns: whoever has it sees, in the next statement, what
-- the others have started. Until the transaction ends. $1 endpoint
select pg_advisory_xact_lock(replay_locks(), hashint8($1::int8))::text
