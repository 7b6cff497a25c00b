-- Forgets results of tasks that were started more than a week ago, some at a time.
delete from task_result where (task_id, app_id) in (
    select task_id, app_id from task_result
    where task_id < id_floor(clock_timestamp() - interval '7 days')
    order by task_id, app_id limit 20000)
