-- Polling endpoints: subscribers that cannot be reached from outside fetch their events.

create table polling_endpoint (
    app_id bigint not null,
    id bigint not null,
    uid text collate "C",
    description text not null default '',
    disabled boolean not null default false,
    event_types text[] collate "C", -- null: all
    channels text[] collate "C",    -- null: every message
    metadata text not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (app_id, id)
);
create unique index polling_endpoint_uid on polling_endpoint (app_id, uid) where deleted_at is null;

-- What a polling endpoint has to read: a row for each message that matched it, appended by the transaction
-- that stores the message. pos is that transaction's number, so the order is (pos, msg_id): everything below
-- the oldest transaction that runs is there for good, and nothing comes between any more.
create table polled (
    app_id bigint not null,
    endpoint_id bigint not null,
    msg_id bigint not null,
    pos bigint not null,
    primary key (app_id, endpoint_id, msg_id)
) partition by range (msg_id);
create index polled_pos on polled (app_id, endpoint_id, pos, msg_id);
insert into partition_rule values ('polled', 'id', 86400, 604800, '');

-- How far a consumer has said that it got.
create table poll_consumer (
    app_id bigint not null,
    endpoint_id bigint not null,
    name text collate "C" not null,
    pos bigint not null,
    msg_id bigint not null,
    updated_at timestamptz not null default now(),
    primary key (app_id, endpoint_id, name)
) with (fillfactor = 50);

-- Numbers of transactions begin anew in a database that was restored from a dump into a new cluster: the era
-- stands above them, so that positions only rise. One row.
create table poll_era (
    era smallint not null,
    cluster bigint not null
);
insert into poll_era select 0, system_identifier from pg_control_system();

-- To be called before anything is appended in a cluster.
create function poll_era_check() returns void language sql as $$
    update poll_era e set era = e.era + 1, cluster = c.system_identifier
    from pg_control_system() c where c.system_identifier <> e.cluster
$$;

-- A transaction's place in the order.
create function poll_pos(transaction xid8) returns bigint language sql stable as $$
    select (era::bigint << 48) + transaction::text::bigint from poll_era
$$;

select partitions_ahead();
