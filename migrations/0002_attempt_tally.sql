-- Counts of attempts, so that nobody has to count the log.

-- How many attempts of an endpoint succeeded and failed in each hour. A row has one writer, for as long
-- as that process lives, and holds what it has counted: it is written again, whole, when the count has
-- moved on (lib/send/tally.c). A sum over origins is the count.
create table attempt_tally (
    app_id bigint not null,
    endpoint_id bigint not null,
    hour timestamptz not null,
    origin bigint not null,         -- who counted: an id made when the writer began the row
    success bigint not null,
    fail bigint not null,
    primary key (app_id, endpoint_id, hour, origin)
) partition by range (hour);
-- Room in each page for the next state of its rows: an update then touches no index.
insert into partition_rule values ('attempt_tally', 'time', 86400, 604800, 'fillfactor = 50');

-- Makes the partition of a rule that begins at an instant unless it is there; whether it was made.
-- LIKE and ATTACH rather than PARTITION OF: attaching takes no lock that stops an insert.
create function partition_make(rule partition_rule, start timestamptz) returns boolean
language plpgsql as $$
declare
    name text := rule.parent || '_p' || to_char(start at time zone 'UTC', 'YYYYMMDD"t"HH24MI');
begin
    if to_regclass(name) is not null then
        return false;
    end if;
    execute format('create table %I (like %I including all) %s', name, rule.parent,
        case when rule.options <> '' then 'with (' || rule.options || ')' else '' end);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)',
        rule.parent, name,
        partition_bound(rule.unit, rule.width_s, start),
        partition_bound(rule.unit, rule.width_s, start + make_interval(secs => rule.width_s)));
    return true;
end $$;

-- Makes the partitions from one width back to the rule's reach ahead that are missing; returns how
-- many.
create or replace function partitions_ahead() returns int language plpgsql as $$
declare
    rule partition_rule;
    start timestamptz;
    made int := 0;
begin
    -- One maker at a time; the others find nothing left to do.
    perform pg_advisory_xact_lock(7061657702);
    for rule in select * from partition_rule order by parent loop
        start := to_timestamp((floor(extract(epoch from now()) / rule.width_s) - 1) * rule.width_s);
        while start < now() + make_interval(secs => rule.ahead_s) loop
            made := made + partition_make(rule, start)::int;
            start := start + make_interval(secs => rule.width_s);
        end loop;
    end loop;
    return made;
end $$;

select partitions_ahead();

-- The counts of what is in the log already, as far back as they may be asked for (28 days, and one
-- for the hours at its edge).
create function attempt_hour(id bigint) returns timestamptz language sql immutable as $$
    select to_timestamp(((id >> 22) + 1577836800000) / 3600000 * 3600)
$$;

select partition_make(r, d)
from partition_rule r, generate_series(
    date_trunc('day', now() at time zone 'UTC') - interval '30 days',
    date_trunc('day', now() at time zone 'UTC'), interval '1 day') as day(local),
    lateral (select day.local at time zone 'UTC') as utc(d)
where r.parent = 'attempt_tally'
    and exists (select 1 from attempt where msg_id < id_floor(utc.d + interval '1 day'));

insert into attempt_tally (app_id, endpoint_id, hour, origin, success, fail)
select app_id, endpoint_id, attempt_hour(id), 0,
    count(*) filter (where status = 0), count(*) filter (where status <> 0)
from attempt
where id >= id_floor(date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '30 days')
    and msg_id < id_floor(now() + interval '1 hour')
group by app_id, endpoint_id, attempt_hour(id);
