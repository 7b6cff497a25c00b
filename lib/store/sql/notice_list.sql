-- The oldest notices. $1 rows at most
select id, org, event_type, app_id, app_uid, endpoint_id, endpoint_uid, fail_since, reason, created_at
from notice order by id limit $1::int4
