-- Endpoints that are held: their deliveries wait in a table until the endpoint may have them.

alter table endpoint
    add column paused boolean not null default false,
    add column ordering text check (ordering in ('endpoint', 'key')), -- null: in any order
    add column head_of_line text not null default 'deadLetter'
        check (head_of_line in ('deadLetter', 'block'));

-- One row for each endpoint that is or was held. Whoever owns the slot is its keeper (lib/send/hold.h).
create table hold (
    app_id bigint not null,
    endpoint_id bigint not null,
    slot smallint not null,
    state smallint not null,        -- lib/store/hold.h
    ordered boolean not null,       -- kept whatever the state, for the endpoint's order
    failing_since timestamptz,      -- nothing succeeded since; null: nothing failed
    probe_at timestamptz,           -- when the next probe may go out
    probes int not null default 0,  -- that failed in a row
    -- Every row of `parked` up to this number is resolved, and every one that was parked before this time.
    low_no bigint not null default 0,
    low_at timestamptz not null default now(),
    primary key (app_id, endpoint_id)
) with (fillfactor = 50);
create index hold_kept on hold (slot) where state <> 0 or ordered;

-- Steps of deliveries that wait for their endpoint: to be done in the order of their numbers. A row is
-- resolved by an attempt or a dead letter of its chain with this seq or a higher one; an ordered one (key)
-- by a successful attempt or a dead letter only. Two rows for one step do no harm.
create sequence parked_no;
create table parked (
    at timestamptz not null default clock_timestamp(),
    no bigint not null default nextval('parked_no'),
    app_id bigint not null,
    endpoint_id bigint not null,
    msg_id bigint not null,
    chain bigint not null,
    seq smallint not null,
    tries smallint not null,
    trigger smallint not null,
    key bigint                      -- ordered: among rows of one key only the oldest is under way
) partition by range (at);
create index parked_endpoint on parked (app_id, endpoint_id, no);
create index parked_message on parked (app_id, msg_id);
insert into partition_rule values ('parked', 'time', 21600, 86400, '');

-- As before (0001), and what is parked holds its partitions, too: those of `parked` until every hold has
-- passed them, those of the messages and attempts that it names.
create or replace function partition_expire(retention interval, idempotency_ttl interval) returns text
language plpgsql as $$
declare
    part record;
    keep interval;
    until timestamptz;
    retry_low timestamptz;
    parked_low timestamptz;
    low_water bigint;
begin
    -- One at a time; the others come again.
    if not pg_try_advisory_xact_lock(7061657703) then
        return null;
    end if;
    select min(s.retry_low), min(s.low_water) into retry_low, low_water
    from slot s where s.owner is not null or s.dirty;
    select min(h.low_at) into parked_low from hold h where h.state <> 0 or h.ordered;
    for part in
        select c.relname::text as name, r.*
        from partition_rule r
        join pg_inherits i on i.inhparent = r.parent::regclass
        join pg_class c on c.oid = i.inhrelid
        order by right(c.relname, 13), c.relname
    loop
        until := partition_start(part.name) + make_interval(secs => part.width_s);
        keep := case part.parent when 'retry' then interval '15 minutes'
            when 'parked' then interval '6 hours'
            when 'idempotency' then idempotency_ttl else retention end;
        continue when until > now() - keep;
        continue when part.parent = 'retry' and until > retry_low;
        continue when part.parent = 'parked' and until > parked_low;
        continue when part.parent in ('message', 'attempt', 'dead_letter')
            and id_floor(until) > low_water;
        continue when part.parent in ('message', 'attempt') and exists (
            select 1 from retry where due >= coalesce(retry_low, '-infinity')
                and msg_id >= id_floor(until - make_interval(secs => part.width_s))
                and msg_id < id_floor(until));
        continue when part.parent in ('message', 'attempt') and exists (
            select 1 from parked where at >= coalesce(parked_low, 'infinity')
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

select partitions_ahead();
