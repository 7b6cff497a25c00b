-- A page of background tasks, by id, ascending. $1 organisation, $2 beyond this id, $3 rows at most
select t.id, t.kind, t.status, t.total, t.done, t.failed, t.rate_per_second, t.app_id, t.filter, t.by,
    t.created_at, t.updated_at
from task t where t.org = $1::text and t.id > $2::int8
order by t.id asc limit $3::int4
