-- What replays have started; and names for numbers that stand in several statements.

-- Chains that background tasks and replays of dead letters have started, so that no other one starts the same
-- delivery while its first attempt is still to come (docs/adr/0016-replays.md). Written by nothing else, and asked
-- for by message. at: when the chain was started.
create table replayed (
    at timestamptz not null,
    app_id bigint not null,
    endpoint_id bigint not null,
    msg_id bigint not null,
    chain bigint not null
) partition by range (at);
create index replayed_msg on replayed (app_id, endpoint_id, msg_id);
insert into partition_rule values ('replayed', 'time', 604800, 604800, '');

-- How far apart the ids of two instants are (lib/base/id.h). A constant in a plan when its argument is one.
create function id_span(t interval) returns bigint language sql immutable as $$
    select floor(extract(epoch from t) * 1000)::bigint << 22
$$;

-- The first key of the advisory locks of slots (fence.sql), and of those of replays to an endpoint
-- (replay_turn.sql).
create function slot_locks() returns int language sql immutable as 'select 1886352467';
create function replay_locks() returns int language sql immutable as 'select 1886352466';

-- The organisation whose endpoints are told about all the others (lib/store/watched.h).
create function notices_org() returns text language sql immutable as $$
    select 'org_00000000000SvixManagement00'
$$;

select partitions_ahead();
