-- An endpoint answered 410: disables it. $1 application, $2 endpoint
with gone as (
    update endpoint set disabled = true, disabled_reason = 'gone', updated_at = now()
    where app_id = $1::int8 and id = $2::int8 and not disabled and deleted_at is null
    returning app_id
)
update app set version = version + 1, changed_at = clock_timestamp()
where id in (select app_id from gone)
