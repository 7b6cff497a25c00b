-- Disables an endpoint for what it answers, or does not. $1 application, $2 endpoint, $3 reason
with off as (
    update endpoint set disabled = true, disabled_reason = $3::text, updated_at = now()
    where app_id = $1::int8 and id = $2::int8 and not disabled and deleted_at is null
    returning app_id
)
update app a set version = a.version + 1, changed_at = clock_timestamp()
from off where a.id = off.app_id
returning a.version
