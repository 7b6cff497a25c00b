-- How many attempts of an endpoint had which status. $1 organisation, $2 application's id or null,
-- $3 application's uid or null, $4 id or null, $5 uid or null, $6 since, $7 until
-- Rows (status, count), one at least; no row: there is no such endpoint.
with a as (
    select id, version from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select t.status, count(t.id)::int8
from a
join endpoint e on e.app_id = a.id and e.deleted_at is null
    and e.id = coalesce($4::int8,
        (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
left join attempt t on t.app_id = e.app_id and t.endpoint_id = e.id
    and t.id >= id_floor($6::timestamptz) and t.id < id_floor($7::timestamptz)
    and t.msg_id < id_floor($7::timestamptz)
group by t.status
