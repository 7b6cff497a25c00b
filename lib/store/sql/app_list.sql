-- A page of applications, by id, either way. $1 organisation, $2 beyond this id, $3 rows at most
select id, uid, name, throttle_rate, metadata, created_at, updated_at, version, endpoint_challenge
from app
where org = $1::text and id {<|>} $2::int8 and deleted_at is null
order by id {desc|asc} limit $3::int4
