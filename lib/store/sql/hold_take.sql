-- The holds of a slot that this worker has adopted become its home slot's, under fence.sql of both in the
-- same transaction. $1 slot, $2 epoch, $3 home slot, $4 its epoch
update hold h set slot = $3::int2
where h.slot = $1::int2 and (h.state <> 0 or h.ordered)
    and exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8)
    and exists (select 1 from slot s where s.id = $3::int2 and s.epoch = $4::int8)
returning h.app_id, h.endpoint_id, h.slot, h.state,
    (extract(epoch from clock_timestamp() - h.failing_since) * 1000)::int8,
    (extract(epoch from h.probe_at - clock_timestamp()) * 1000)::int8, h.probes, h.low_no,
    h.ordered
