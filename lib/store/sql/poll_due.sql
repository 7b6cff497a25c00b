-- Gives what may be read by now its place in a polling endpoint's stream: behind everything that has one. The
-- transaction holds a fence, as an append does, so that readers know of it (poll_horizon.sql). What another one
-- is at is left to that. It is asked after poll_read.sql, which has found application and endpoint; they are looked
-- up once more because they may have been deleted in between.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null, $5 uid or null,
-- $6 now
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
), come as (
    select w.app_id, w.endpoint_id, w.msg_id
    from e join polled_later w on w.app_id = e.app_id and w.endpoint_id = e.id
    where w.pos is null and w.due <= $6::timestamptz
    order by w.due, w.msg_id limit 1000
    for update of w skip locked
)
update polled_later w set pos = (select poll_pos(pg_current_xact_id()))
from come c
where w.app_id = c.app_id and w.endpoint_id = c.endpoint_id and w.msg_id = c.msg_id and w.pos is null
