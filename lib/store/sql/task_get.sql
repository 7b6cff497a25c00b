-- One background task. $1 organisation, $2 id
select t.id, t.name, t.status, t.total, t.done, t.failed, t.rate_per_second, t.app_id, t.filter, t.by,
    t.created_at, t.updated_at, t.cursor
from task t where t.id = $2::int8 and t.org = $1::text
