-- Applications by id or uid; what is not there has no row. $1 organisation, $2 ids, $3 uids
select id, uid from app
where org = $1::text and deleted_at is null and (id = any($2::int8[]) or uid = any($3::text[]))
