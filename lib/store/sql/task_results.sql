-- What a task that is finished has found. $1 organisation, $2 id
select r.app_id, r.app_uid, r.deliveries, r.event_types, r.catch_all
from task t
join task_result r on r.task_id = t.id
where t.id = $2::int8 and t.org = $1::text and t.status = 'finished'
order by r.app_id
