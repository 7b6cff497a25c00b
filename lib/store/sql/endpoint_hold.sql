-- Before endpoint_create or endpoint_update: locks the hold of an endpoint, made when there is none and a
-- slot is given. (Everybody locks the hold before the application: its keeper too.) One row: whether the slot
-- is held. $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null,
-- $5 uid or null, $6 slot or null, $7 its epoch
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), e as (
    select e.app_id, e.id
    from a join endpoint e on e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8,
            (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
), held as materialized (
    select id from slot where id = $6::int2 and epoch = $7::int8 and owner is not null
), made as (
    insert into hold as h (app_id, endpoint_id, slot, state, ordered)
    select e.app_id, e.id, coalesce(held.id, o.slot), 0, false
    from e
    left join held on true
    left join hold o on o.app_id = e.app_id and o.endpoint_id = e.id
    where held.id is not null or o.slot is not null
    on conflict (app_id, endpoint_id) do update set slot = h.slot
)
select exists (select 1 from held)
