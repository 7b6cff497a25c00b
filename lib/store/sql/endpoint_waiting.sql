-- How many of the first deliveries that are parked for an endpoint wait. No row: nothing is held.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null,
-- $5 uid or null, $6 parked ones to look at
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select p.n
from a
join hold h on h.app_id = a.id and (h.state <> 0 or h.ordered) and h.endpoint_id = coalesce($4::int8,
    (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
cross join lateral (
    select count(*)::int8 as n
    from (
        select * from parked
        where app_id = h.app_id and endpoint_id = h.endpoint_id and no > h.low_no
        order by no limit (select $6::int4)) k
    where not exists (select 1 from attempt t
            where t.app_id = k.app_id and t.msg_id = k.msg_id and t.endpoint_id + 0 = k.endpoint_id
                and t.chain = k.chain and t.seq >= k.seq and (k.key is null or t.status = 0) offset 0)
        and not exists (select 1 from dead_letter d
            where d.app_id = k.app_id and d.msg_id = k.msg_id and d.endpoint_id = k.endpoint_id
                and d.chain = k.chain and d.seq >= k.seq
                and d.id > k.msg_id - (3600000::int8 << 22) offset 0)) p
