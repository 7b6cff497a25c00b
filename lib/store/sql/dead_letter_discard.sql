-- Closes an open dead letter. One row tells whether it was closed now; no row: there is none.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 id, $5 by whom
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), marked as (
    update dead_letter d set discarded_at = now(), discarded_by = $5::text
    from a
    where d.app_id = a.id and d.id = $4::int8 and d.replayed_at is null and d.discarded_at is null
    returning d.id
)
select exists (select 1 from marked)
from a join dead_letter d on d.app_id = a.id and d.id = $4::int8
