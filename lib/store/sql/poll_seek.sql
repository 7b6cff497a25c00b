-- The place in a polling endpoint's stream from which on it holds every message above an id, and there the
-- consumer goes on when one is named. Messages close to each other may be stored in another order than that
-- of their ids: so many are looked at. Nothing that is not to be seen yet may be passed either.
-- No row: there is no such polling endpoint; nulls: it has no room for another consumer.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 consumer or null, $7 the id, $8 consumers at most
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
), now_on as (
    select poll_pos(pg_snapshot_xmin(pg_current_snapshot())) as pos, 0::int8 as msg_id
), found as (
    select p.pos, p.msg_id - 1 as msg_id
    from (
        (select q.pos, q.msg_id from e
        join polled q on q.app_id = e.app_id and q.endpoint_id = e.id and q.msg_id > $7::int8
        order by q.msg_id limit 10000)
        union all
        (select w.pos, w.msg_id from e
        join polled_later w on w.app_id = e.app_id and w.endpoint_id = e.id and w.msg_id > $7::int8
            and w.pos is not null
        order by w.pos, w.msg_id limit 1)) p
    order by p.pos, p.msg_id limit 1
), place as (
    select u.pos, u.msg_id from (select * from found union all select * from now_on) u
    order by u.pos, u.msg_id limit 1
), kept as (
    insert into poll_consumer (app_id, endpoint_id, name, pos, msg_id)
    select e.app_id, e.id, $6::text, place.pos, place.msg_id from e cross join place
    where $6::text is not null and (
        exists (select 1 from poll_consumer k
            where k.app_id = e.app_id and k.endpoint_id = e.id and k.name = $6::text)
        or (select count(*) from poll_consumer k
            where k.app_id = e.app_id and k.endpoint_id = e.id) < $8::int4)
    on conflict (app_id, endpoint_id, name)
        do update set pos = excluded.pos, msg_id = excluded.msg_id, updated_at = now()
    returning pos, msg_id
)
select p.pos, p.msg_id
from e left join lateral (
    select pos, msg_id from kept where $6::text is not null
    union all
    select pos, msg_id from place where $6::text is null) p on true
