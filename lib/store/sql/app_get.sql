-- One application. $1 organisation, $2 id or null, $3 uid or null (given both, both must fit)
select id, uid, name, throttle_rate, metadata, created_at, updated_at, version, endpoint_challenge
from app
where id = coalesce($2::int8,
        (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
    and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
