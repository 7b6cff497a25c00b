-- An application and its newest message, or null. No row: there is no such application.
-- $1 organisation, $2 application's id or null, $3 application's uid or null
select a.id, (select max(m.id) from message m where m.app_id = a.id)
from app a
where a.id = coalesce($2::int8,
        (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
    and a.org = $1::text and ($3::text is null or a.uid = $3::text) and a.deleted_at is null
