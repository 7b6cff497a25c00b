-- How many attempts of an endpoint succeeded and failed, by whole hours: all of those that the stretch
-- touches. One row; no row: there is no such endpoint.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id or null,
-- $5 uid or null, $6 since, $7 until
with a as (
    select id, version from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select t.success, t.fail
from a
join endpoint e on e.app_id = a.id and e.deleted_at is null
    and e.id = coalesce($4::int8,
        (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
cross join lateral (
    select coalesce(sum(h.success), 0)::int8 as success, coalesce(sum(h.fail), 0)::int8 as fail
    from attempt_tally d
    cross join unnest(d.success, d.fail) with ordinality as h(success, fail, no)
    cross join lateral (
        select (d.day + (h.no - 1) * interval '1 hour') at time zone 'UTC' as hour) s
    where d.app_id = e.app_id and d.endpoint_id = e.id
        and d.day >= (($6::timestamptz - interval '1 hour') at time zone 'UTC')::date
        and d.day <= ($7::timestamptz at time zone 'UTC')::date
        and s.hour > $6::timestamptz - interval '1 hour' and s.hour < $7::timestamptz) t
