-- Forgets what is about tokens that have all expired; returns how many rows went. What is about tokens that
-- never expire stays with its application. $1 rows at most
with gone as (
    delete from token_void where id = any(array(
        select o.id from token_void o where o.forget_at <= now()
        order by o.forget_at limit $1::int4 for update skip locked))
    returning id
)
select count(*) from gone
