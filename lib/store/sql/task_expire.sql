-- Forgets background tasks that ended 90 days ago; returns how many. $1 tasks at most
with gone as (
    delete from task where id = any(array(
        select id from task
        where id < id_floor(clock_timestamp() - interval '90 days')
            and updated_at < clock_timestamp() - interval '90 days'
            and status not in ('running', 'paused')
        order by id limit $1::int4 for update skip locked))
    returning id
)
select count(*) from gone
