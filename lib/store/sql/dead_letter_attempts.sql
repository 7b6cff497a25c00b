-- The attempts that a dead letter's message has had at its endpoint, oldest first. Columns as in
-- attempt_by_endpoint_down. $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id, $5 rows at most
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select t.id, t.msg_id, t.endpoint_id, u.url, t.response, t.http_status, t.duration_ms, t.status,
    t.trigger, t.next_at, t.error
from a
join dead_letter d on d.app_id = a.id and d.id = $4::int8
cross join lateral (
    select * from attempt x
    where x.app_id = d.app_id and x.msg_id = d.msg_id and x.endpoint_id + 0 = d.endpoint_id
    order by x.id limit $5::int4) t
left join endpoint_url u on u.app_id = t.app_id and u.endpoint_id = t.endpoint_id and u.no = t.url_no
order by t.id
