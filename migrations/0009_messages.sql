-- What few messages have besides: one column for all of it, null as a rule. (It is the eighth: a row's
-- bitmap of nulls goes on fitting into its header. A ninth would cost every message eight bytes.)

create type message_extra as (
    tags text,                  -- joined by U+001F; null: none
    deliver_at timestamptz,     -- null: at once. Its first steps are rows of `retry` from the start
    forget_at timestamptz       -- when its payload is forgotten; null: with the message
);
alter table message add column extra message_extra;

-- A payload, until its time is over: what is read is decided here, whenever the bytes are removed.
create function payload_kept(payload bytea, extra message_extra) returns bytea language sql stable as $$
    select case when (extra).forget_at <= now() then null else payload end
$$;

-- Payloads to remove, in the order of their time. Only appended to, and read once, behind the mark; a payload
-- is kept for an hour at least, so nothing is ever appended before it.
create table payload_expiry (
    forget_at timestamptz not null,
    app_id bigint not null,
    msg_id bigint not null
) partition by range (forget_at);
create index payload_expiry_order on payload_expiry (forget_at, msg_id);
insert into partition_rule values ('payload_expiry', 'time', 2592000, 8208000, '');

create table payload_expired (
    forget_at timestamptz not null default '-infinity',
    msg_id bigint not null default 0
);
insert into payload_expired default values;

-- Removes the payloads of up to so many messages whose time is over; returns how many it has looked at.
create function payload_expire(most int) returns int language plpgsql as $$
declare
    mark payload_expired;
    due record;
    seen int := 0;
begin
    -- One at a time; the others come again.
    if not pg_try_advisory_xact_lock(7061657704) then
        return 0;
    end if;
    select * into mark from payload_expired;
    for due in
        select p.forget_at, p.app_id, p.msg_id from payload_expiry p
        where p.forget_at >= mark.forget_at and p.forget_at <= now()
            and (p.forget_at, p.msg_id) > (mark.forget_at, mark.msg_id)
        order by p.forget_at, p.msg_id limit most
    loop
        update message set payload = null
        where app_id = due.app_id and id = due.msg_id and payload is not null;
        mark := (due.forget_at, due.msg_id);
        seen := seen + 1;
    end loop;
    if seen > 0 then
        update payload_expired set forget_at = mark.forget_at, msg_id = mark.msg_id;
    end if;
    return seen;
end $$;

select partitions_ahead();
