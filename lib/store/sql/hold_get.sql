-- The hold of an endpoint. $1 application, $2 endpoint
select h.app_id, h.endpoint_id, h.slot, h.state,
    (extract(epoch from clock_timestamp() - h.failing_since) * 1000)::int8,
    (extract(epoch from h.probe_at - clock_timestamp()) * 1000)::int8, h.probes, h.low_no,
    h.ordered
from hold h
where h.app_id = $1::int8 and h.endpoint_id = $2::int8 and (h.state <> 0 or h.ordered)
