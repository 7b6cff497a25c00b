-- Counts of attempts, so that nobody has to count the log; and plans that are made once.

-- How many attempts of an endpoint succeeded and failed on each day (UTC), by its hours. A row has one
-- writer, for as long as that process lives, and holds what it has counted: it is written again, whole,
-- when the count has moved on (lib/send/tally.c). A sum over origins is the count.
create table attempt_tally (
    app_id bigint not null,
    endpoint_id bigint not null,
    day date not null,
    origin bigint not null,         -- who counted: an id made when the writer began the row
    attempts bigint not null,       -- all of the row
    success int[] not null,         -- 24 of them
    fail int[] not null,
    primary key (app_id, endpoint_id, day, origin)
) partition by range (day);
-- Room in each page for the next state of its rows: an update then touches no index.
insert into partition_rule values ('attempt_tally', 'time', 604800, 604800, 'fillfactor = 50');

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

-- The counts of what is in the log already, as far back as they may be asked for: 28 days.
create function attempt_hour(id bigint) returns timestamp language sql immutable as $$
    select timestamp '2020-01-01' + (id >> 22) / 3600000 * interval '1 hour'
$$;

-- 24 counts, of which these are not 0.
create function tally_hours(hours int[], counts bigint[]) returns int[] language sql immutable as $$
    select array_agg(coalesce(c.n, 0)::int order by h)
    from generate_series(0, 23) h left join unnest(hours, counts) as c(h, n) using (h)
$$;

select partition_make(r, to_timestamp(extract(epoch from now())::bigint / r.width_s * r.width_s
    - weeks * r.width_s))
from partition_rule r, generate_series(1, 5) weeks
where r.parent = 'attempt_tally' and exists (select 1 from attempt where msg_id < id_floor(now()));

insert into attempt_tally (app_id, endpoint_id, day, origin, attempts, success, fail)
select app_id, endpoint_id, hour::date, 0, sum(success + fail),
    tally_hours(array_agg(extract(hour from hour)::int), array_agg(success)),
    tally_hours(array_agg(extract(hour from hour)::int), array_agg(fail))
from (
    select app_id, endpoint_id, attempt_hour(id) as hour,
        count(*) filter (where status = 0) as success, count(*) filter (where status <> 0) as fail
    from attempt
    where id >= id_floor(now() - interval '29 days') and msg_id < id_floor(now() + interval '1 hour')
    group by app_id, endpoint_id, attempt_hour(id)) h
group by app_id, endpoint_id, hour::date;

-- ---- plans --------------------------------------------------------------------------------------

-- Every statement of the program looks something up by an index, whatever its arguments are, and skips
-- partitions when it is run. Planning it anew for its arguments takes ten times as long as running it,
-- and longer with each day that is kept.
do $$
begin
    execute format('alter database %I set plan_cache_mode = force_generic_plan', current_database());
exception when insufficient_privilege then
    null; -- the database is not ours: whoever owns it may do so
end $$;
