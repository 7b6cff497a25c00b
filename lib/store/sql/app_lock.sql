-- Nothing of the application changes from here on until the transaction ends: every change makes a new version of
-- it. The next statement sees what was changed before. $1 organisation, $2 id or null, $3 uid or null
select id from app
where id = coalesce($2::int8,
        (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
    and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
for no key update
