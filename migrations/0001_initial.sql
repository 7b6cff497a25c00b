-- The schema of Posthorn.
--
-- Ids are 63 bits that sort by time (lib/base/id.h). Keys of everything that belongs to an application
-- lead with it, so that the tables can be distributed by application. Log tables (message, attempt,
-- dead_letter, retry, idempotency, message_uid) are only appended to, partitioned by time, made ahead
-- and dropped whole; they have no foreign keys and no triggers.

-- ---- the catalogue: what admins register --------------------------------------------------------

create table app (
    id bigint primary key,
    org text collate "C" not null,
    uid text collate "C",
    name text not null,
    throttle_rate int,
    metadata text not null default '{}',
    -- The catalogue version: rises with every change of the application or one of its endpoints. An
    -- event is stored only under the version it was matched with.
    version bigint not null default 1,
    changed_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create unique index app_uid on app (org, uid) where deleted_at is null;
create index app_org on app (org, id) where deleted_at is null;
create index app_changed on app (changed_at);

create table endpoint (
    app_id bigint not null,
    id bigint not null,
    uid text collate "C",
    url text not null,
    url_no smallint not null default 1,
    description text not null default '',
    version int not null default 1,
    disabled boolean not null default false,
    disabled_reason text,
    event_types text[] collate "C", -- null: all
    channels text[] collate "C",    -- null: every message
    throttle_rate int,
    metadata text not null default '{}',
    headers text not null default '{}', -- JSON object, name to value
    retry_schedule bigint[],            -- milliseconds after each failure; null: the server's
    timeout_ms int,                     -- null: the server's
    max_in_flight int,                  -- null: the server's
    secret bytea not null,              -- the signing key
    old_secrets bytea[] not null default '{}',
    old_secrets_until timestamptz[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (app_id, id)
);
create unique index endpoint_uid on endpoint (app_id, uid) where deleted_at is null;

-- The URLs an endpoint has had; an attempt names one by its number.
create table endpoint_url (
    app_id bigint not null,
    endpoint_id bigint not null,
    no smallint not null,
    url text not null,
    primary key (app_id, endpoint_id, no)
);

create table event_type (
    org text collate "C" not null,
    name text collate "C" not null,
    description text not null default '',
    archived boolean not null default false,
    deprecated boolean not null default false,
    schemas text, -- JSON object, version to JSON Schema
    feature_flag text,
    group_name text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (org, name)
);

-- ---- the log: events and what became of them ----------------------------------------------------

create table message (
    app_id bigint not null,
    id bigint not null,
    event_type text collate "C" not null,
    event_id text collate "C",
    channels text collate "C",  -- comma-separated; null: none
    targets bytea not null,     -- ids of the matched endpoints, 8 bytes each, big-endian
    payload bytea,              -- the producer's bytes; null once expunged
    primary key (app_id, id)
) partition by range (id);
-- Adoption reads a slot's messages above its low-water mark.
create index message_id on message (id);
alter table message alter column payload set storage external;

-- Which message an eventId named. bucket: weeks since 1970 of the message.
create table message_uid (
    app_id bigint not null,
    event_id text collate "C" not null,
    bucket int not null,
    msg_id bigint not null,
    primary key (app_id, event_id, bucket)
) partition by range (bucket);

-- Which message an Idempotency-Key made, or what another POST answered. bucket: 6-hour periods since
-- 1970. app_id 0: requests outside an application.
create table idempotency (
    app_id bigint not null,
    key bytea not null,         -- fingerprint of caller, route and key
    bucket int not null,
    body bytea not null,        -- fingerprint of the request body
    msg_id bigint,
    status smallint,            -- of the stored answer; null while the request runs
    answer text,
    created_at timestamptz not null default now(),
    primary key (app_id, key, bucket)
) partition by range (bucket);

-- One row for each exchange with a subscriber. A delivery is a chain of steps: chain 0 is the one that
-- the event started, others were started by hand (the chain's number is an id). seq numbers the steps
-- of a chain; a retry row announces step seq, and an attempt, dead letter or later retry row of the
-- same chain with that seq or a higher one resolves it.
create table attempt (
    app_id bigint not null,
    msg_id bigint not null,
    id bigint not null,
    endpoint_id bigint not null,
    chain bigint not null,
    seq smallint not null,
    tries smallint not null,        -- attempts of this chain so far, this one included
    status smallint not null,       -- 0 success, 2 fail
    trigger smallint not null,      -- 0 scheduled, 1 resent by hand, 2 replayed from the dead letters
    http_status smallint not null,  -- 0: no answer
    transport smallint not null,    -- how the exchange ended (lib/policy/classify.h)
    duration_ms int not null,
    url_no smallint not null,
    next_at timestamptz,            -- when the next attempt of the chain is planned
    response bytea,                 -- the first bytes of the answer's body
    error text,
    primary key (app_id, msg_id, id)
) partition by range (msg_id);
create index attempt_endpoint on attempt (app_id, endpoint_id, id);

-- Steps that are not due yet. No index: a worker reads a stretch of time of its slots.
create table retry (
    due timestamptz not null,
    slot smallint not null,
    seq smallint not null,
    tries smallint not null,
    trigger smallint not null,
    app_id bigint not null,
    msg_id bigint not null,
    endpoint_id bigint not null,
    chain bigint not null
) partition by range (due);

create table dead_letter (
    app_id bigint not null,
    id bigint not null,
    org text collate "C" not null,
    msg_id bigint not null,
    endpoint_id bigint not null,
    event_type text collate "C" not null,
    chain bigint not null,
    seq smallint not null,
    reason smallint not null,       -- lib/store/dead_letter.h
    last_status smallint not null,
    last_error text,
    attempts smallint not null,
    first_at timestamptz,
    last_at timestamptz,
    replayed_at timestamptz,
    replayed_by text,
    discarded_at timestamptz,
    discarded_by text,
    primary key (app_id, id)
) partition by range (id);
create index dead_letter_org on dead_letter (org, id);
create index dead_letter_msg on dead_letter (app_id, msg_id);

-- ---- ownership and work -------------------------------------------------------------------------

-- Who delivers what. An id names its slot; the owner of the slot delivers. Free: owner is null and not
-- dirty. The only table that is updated routinely: one HOT update a second for each slot held.
create table slot (
    id smallint primary key,
    owner bigint,                  -- a random number of the worker's process
    epoch bigint not null default 0,
    lease_until timestamptz not null default '-infinity',
    low_water bigint not null default 0,               -- every message of the slot below it is resolved
    retry_low timestamptz not null default '-infinity', -- every retry due before it is resolved
    dirty boolean not null default false               -- released with work left: somebody must adopt it
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
insert into slot (id) select generate_series(0, 1023);

create table task (
    id bigint primary key,
    org text collate "C" not null,
    app_id bigint,
    kind text not null,             -- dead_letter.replay, dead_letter.discard, …
    status text not null,           -- running, paused, finished, failed, canceled
    filter text not null,           -- JSON
    rate_per_second int,
    total bigint not null default 0,
    done bigint not null default 0,
    failed bigint not null default 0,
    cursor bigint not null default 0,
    by text not null,
    owner bigint,
    lease_until timestamptz not null default '-infinity',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index task_org on task (org, id);
create index task_running on task (lease_until) where status = 'running';

-- ---- partitions ---------------------------------------------------------------------------------

-- The smallest id of an instant (lib/base/id.h).
create function id_floor(t timestamptz) returns bigint language sql immutable as $$
    select greatest(0, floor(extract(epoch from t) * 1000)::bigint - 1577836800000) << 22
$$;

-- The partitioned tables: how wide a partition is (seconds) and how far ahead they are made.
create table partition_rule (
    parent text primary key,
    unit text not null check (unit in ('id', 'time', 'bucket')),
    width_s int not null,
    ahead_s int not null,
    options text not null default ''
);
insert into partition_rule values
    ('message', 'id', 86400, 604800, 'toast_tuple_target = 8160'),
    ('attempt', 'id', 86400, 604800, ''),
    ('dead_letter', 'id', 86400, 604800, ''),
    ('message_uid', 'bucket', 604800, 604800, ''),
    ('idempotency', 'bucket', 21600, 86400, ''),
    ('retry', 'time', 900, 259200, '');

-- The bound of a rule's partition that begins at t, as text of the key's type.
create function partition_bound(unit text, width_s int, t timestamptz) returns text language sql
stable as $$
    select case unit
        when 'id' then id_floor(t)::text
        when 'time' then to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        when 'bucket' then floor(extract(epoch from t) / width_s)::bigint::text
    end
$$;

-- Makes the partitions from one width back to the rule's reach ahead that are missing; returns how
-- many. LIKE and ATTACH rather than PARTITION OF: attaching takes no lock that stops an insert.
create function partitions_ahead() returns int language plpgsql as $$
declare
    rule partition_rule;
    start timestamptz;
    name text;
    made int := 0;
begin
    -- One maker at a time; the others find nothing left to do.
    perform pg_advisory_xact_lock(7061657702);
    for rule in select * from partition_rule order by parent loop
        start := to_timestamp((floor(extract(epoch from now()) / rule.width_s) - 1) * rule.width_s);
        while start < now() + make_interval(secs => rule.ahead_s) loop
            name := rule.parent || '_p' || to_char(start at time zone 'UTC', 'YYYYMMDD"t"HH24MI');
            if to_regclass(name) is null then
                execute format('create table %I (like %I including all) %s', name, rule.parent,
                    case when rule.options <> '' then 'with (' || rule.options || ')' else '' end);
                execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                    rule.parent, name,
                    partition_bound(rule.unit, rule.width_s, start),
                    partition_bound(rule.unit, rule.width_s,
                        start + make_interval(secs => rule.width_s)));
                made := made + 1;
            end if;
            start := start + make_interval(secs => rule.width_s);
        end loop;
    end loop;
    return made;
end $$;

-- Start of a partition, from its name.
create function partition_start(name text) returns timestamptz language sql stable as $$
    select to_timestamp(right(name, 13), 'YYYYMMDD"t"HH24MI')::timestamp at time zone 'UTC'
$$;

-- Drops the oldest partition that nothing needs any more and returns its name, or null. Unresolved
-- work holds its partitions: a retry partition goes when every slot's retry_low has passed it, the log
-- of events when every slot's low_water has; the messages and attempts that a pending retry names stay.
create function partition_expire(retention interval, idempotency_ttl interval) returns text
language plpgsql as $$
declare
    part record;
    keep interval;
    until timestamptz;
    retry_low timestamptz;
    low_water bigint;
begin
    -- One at a time; the others come again.
    if not pg_try_advisory_xact_lock(7061657703) then
        return null;
    end if;
    select min(s.retry_low), min(s.low_water) into retry_low, low_water
    from slot s where s.owner is not null or s.dirty;
    for part in
        select c.relname::text as name, r.*
        from partition_rule r
        join pg_inherits i on i.inhparent = r.parent::regclass
        join pg_class c on c.oid = i.inhrelid
        order by right(c.relname, 13), c.relname
    loop
        until := partition_start(part.name) + make_interval(secs => part.width_s);
        keep := case part.parent when 'retry' then interval '15 minutes'
            when 'idempotency' then idempotency_ttl else retention end;
        continue when until > now() - keep;
        continue when part.parent = 'retry' and until > retry_low;
        continue when part.parent in ('message', 'attempt', 'dead_letter')
            and id_floor(until) > low_water;
        continue when part.parent in ('message', 'attempt') and exists (
            select 1 from retry where due >= coalesce(retry_low, '-infinity')
                and msg_id >= id_floor(until - make_interval(secs => part.width_s))
                and msg_id < id_floor(until));
        -- Dropping takes a strong lock on the parent: give up soon rather than make inserts wait
        -- behind us. Somebody reads for long (a dump): the next round tries again.
        begin
            perform set_config('lock_timeout', '200ms', true);
            execute format('drop table %I', part.name);
        exception when lock_not_available then
            return null;
        end;
        return part.name;
    end loop;
    return null;
end $$;

-- Questions to many partitions look dear to the planner, although all but one are skipped when they
-- are run; it would compile them first, which takes a second.
do $$
begin
    execute format('alter database %I set jit = off', current_database());
exception when insufficient_privilege then
    null; -- the database is not ours: whoever owns it may do so
end $$;

select partitions_ahead();
