-- A page of background tasks, by id, either way. $1 organisation, $2 beyond this id, $3 rows at most,
-- $4 statuses or null, $5 names or null
select t.id, t.name, t.status, t.total, t.done, t.failed, t.rate_per_second, t.app_id, t.filter, t.by,
    t.created_at, t.updated_at, t.cursor
from task t where t.org = $1::text and t.id {<|>} $2::int8
    and ($4::text[] is null or t.status = any($4::text[]))
    and ($5::text[] is null or t.name = any($5::text[]))
order by t.id {desc|asc} limit $3::int4
