-- A consumer has what it was given up to this place. It never goes back by this: another one of the same name
-- may have got farther (poll_seek.sql goes back). A row: whether there is room for it; none: there is no
-- such polling endpoint.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 consumer, $7 position, $8 message, $9 consumers at most
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), e as (
    select e.app_id, e.id
    from a join polling_endpoint e on e.app_id = a.id and e.deleted_at is null
        and e.id = coalesce($4::int8, (select o.id from polling_endpoint o
            where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
), k as (
    select k.pos, k.msg_id from e
    join poll_consumer k on k.app_id = e.app_id and k.endpoint_id = e.id and k.name = $6::text
), room as (
    select exists (select 1 from k) or (select count(*) from e
        join poll_consumer o on o.app_id = e.app_id and o.endpoint_id = e.id) < $9::int4 as is_there
), kept as (
    insert into poll_consumer as c (app_id, endpoint_id, name, pos, msg_id)
    select e.app_id, e.id, $6::text, $7::int8, $8::int8 from e
    where (select is_there from room)
        and not exists (select 1 from k where (k.pos, k.msg_id) >= ($7::int8, $8::int8))
    on conflict (app_id, endpoint_id, name)
        do update set pos = excluded.pos, msg_id = excluded.msg_id, updated_at = now()
        where (c.pos, c.msg_id) < (excluded.pos, excluded.msg_id)
)
select room.is_there from e cross join room
