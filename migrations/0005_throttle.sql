-- What has been reserved of the rates of endpoints and applications (throttle_reserve.sql).

-- One row for each that is or was limited. It is updated in place, up to some ten times a second.
create table throttle (
    app_id bigint not null,
    endpoint_id bigint not null,    -- 0: the application itself
    rate int not null,              -- deliveries a second, when it was reserved from last
    free_at timestamptz not null,   -- everything before this is reserved
    primary key (app_id, endpoint_id)
) with (fillfactor = 50);
