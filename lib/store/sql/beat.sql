-- A worker's heartbeat: extends its leases, stores its marks, and tells the news, in one statement.
-- $1 slots held, $2 their epochs, $3 low-water marks, $4 retry marks, $5 lease in ms,
-- $6 whether a free slot is wanted, $7 how far back changes of applications are told, in ms,
-- $8 whether this worker has time for more slots
-- Rows (kind, id, value): 1 slot still held; 2 slot to adopt; 3 free slot; 4 application and version;
-- 5 application and endpoint whose hold is kept here and may have changed; 6 there are notices; 7 the clock,
-- in microseconds; 8 another worker has time for more slots; 9 who is watched may have changed.
with mine as (
    update slot s
    set lease_until = clock_timestamp() + $5::int8 * interval '1 millisecond',
        low_water = i.low_water, retry_low = i.retry_low, spare = $8::bool
    from unnest($1::int2[], $2::int8[], $3::int8[], $4::timestamptz[])
        as i(id, epoch, low_water, retry_low)
    where s.id = i.id and s.epoch = i.epoch
    returning s.id
)
select 1::int2, id::int8, 0::int8 from mine
union all
(select 2::int2, id::int8, 0::int8 from slot
    where id <> all($1::int2[])
        and ((owner is not null and lease_until < now()) or (owner is null and dirty))
    order by lease_until limit 4)
union all
(select 3::int2, id::int8, 0::int8 from slot
    where $6::bool and owner is null and not dirty order by random() limit 1)
union all
select 4::int2, id, version from app
    where changed_at > now() - $7::int8 * interval '1 millisecond'
union all
(select 9::int2, id, version from app
    where changed_at > now() - $7::int8 * interval '1 millisecond'
        and org = notices_org() limit 1)
union all
select 5::int2, h.app_id, h.endpoint_id from app a
    join hold h on h.app_id = a.id and h.slot = any($1::int2[]) and (h.state <> 0 or h.ordered)
    where a.changed_at > now() - $7::int8 * interval '1 millisecond'
union all
(select 6::int2, id, 0::int8 from notice order by id limit 1)
union all
select 7::int2, 0::int8, (extract(epoch from clock_timestamp()) * 1000000)::int8
union all
(select 8::int2, 0::int8, 0::int8 from slot
    where spare and id <> all($1::int2[]) and owner is not null and lease_until > now() limit 1)
