-- An endpoint's breaker opens: its hold, kept by this worker unless another one keeps it, and a new version
-- of its application, under fence.sql of the same transaction. No row: there is nothing to open.
-- $1 application, $2 endpoint, $3 slot, $4 epoch, $5 for how long nothing has succeeded, in ms,
-- $6 in how many ms a probe may go out
with h as (
    insert into hold as h (app_id, endpoint_id, slot, state, ordered, failing_since, probe_at)
    select e.app_id, e.id, s.id, 1, e.ordering is not null,
        clock_timestamp() - $5::int8 * interval '1 millisecond',
        clock_timestamp() + $6::int8 * interval '1 millisecond'
    from endpoint e, slot s
    where e.app_id = $1::int8 and e.id = $2::int8 and e.deleted_at is null and not (e.disabled or e.unverified)
        and s.id = $3::int2 and s.epoch = $4::int8 and s.owner is not null
    on conflict (app_id, endpoint_id) do update
    set state = 1,
        slot = case when h.state = 0 and not h.ordered then excluded.slot else h.slot end,
        failing_since = coalesce(h.failing_since, excluded.failing_since),
        probe_at = excluded.probe_at,
        low_at = case when h.state = 0 and not h.ordered then clock_timestamp() else h.low_at end
    where h.state in (0, 2)
    returning h.app_id
)
update app a set version = a.version + 1, changed_at = clock_timestamp()
from h where a.id = h.app_id
returning a.version
