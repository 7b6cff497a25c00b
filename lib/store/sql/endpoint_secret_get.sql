-- The signing key of an endpoint. $1 organisation, $2 application's id or null,
-- $3 application's uid or null, $4 id or null, $5 uid or null
with a as (
    select id, version from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
)
select e.secret, e.secret_kind, e.signature_profile
from a
join endpoint e on e.app_id = a.id and e.deleted_at is null
    and e.id = coalesce($4::int8,
        (select o.id from endpoint o where o.app_id = a.id and o.uid = $5::text and o.deleted_at is null))
