-- A keeper's hold moves on, under fence.sql of the same transaction. Another state is a new version of the
-- application. A row tells that it did; none, that the hold is another one's or has another state.
-- $1 application, $2 endpoint, $3 slot, $4 epoch, $5 state it has, $6 state, $7 for how long nothing has
-- succeeded in ms or null, $8 in how many ms the next probe may go out or null, $9 probes that failed,
-- $10 number up to which all is resolved, $11 since when what is left was parked; null: nothing is left.
-- (That mark only goes forward; five minutes are for rows that become visible late.)
with h as (
    update hold h
    set state = $6::int2,
        failing_since = clock_timestamp() - $7::int8 * interval '1 millisecond',
        probe_at = clock_timestamp() + $8::int8 * interval '1 millisecond',
        probes = $9::int4, low_no = $10::int8,
        low_at = greatest(h.low_at,
            coalesce($11::timestamptz, clock_timestamp()) - interval '5 minutes')
    from slot s
    where h.app_id = $1::int8 and h.endpoint_id = $2::int8 and h.slot = $3::int2 and h.state = $5::int2
        and s.id = $3::int2 and s.epoch = $4::int8
    returning h.app_id
), a as (
    update app a set version = a.version + 1, changed_at = clock_timestamp()
    from h where a.id = h.app_id and $5::int2 <> $6::int2
    returning a.version
)
select h.app_id, coalesce((select version from a), 0) from h
