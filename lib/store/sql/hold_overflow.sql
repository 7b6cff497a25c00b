-- More waits for an endpoint than there is memory for: what is over is parked under a hold that drains, kept
-- by this worker unless another one keeps it. A new version of its application, under fence.sql of the same
-- transaction. No row: it has a hold that parks or drains already, or there is nothing to hold.
-- $1 application, $2 endpoint, $3 slot, $4 epoch
with h as (
    insert into hold as h (app_id, endpoint_id, slot, state, ordered)
    select e.app_id, e.id, s.id, 2, e.ordering is not null
    from endpoint e, slot s
    where e.app_id = $1::int8 and e.id = $2::int8 and e.deleted_at is null and not (e.disabled or e.unverified)
        and s.id = $3::int2 and s.epoch = $4::int8 and s.owner is not null
    on conflict (app_id, endpoint_id) do update
    set state = 2,
        slot = case when not h.ordered then excluded.slot else h.slot end,
        low_at = case when not h.ordered then clock_timestamp() else h.low_at end
    where h.state = 0
    returning h.app_id
)
update app a set version = a.version + 1, changed_at = clock_timestamp()
from h where a.id = h.app_id
returning a.version
