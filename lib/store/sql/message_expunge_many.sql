-- Forgets the payloads of some of an application's messages. A row for each, in their order: whether there is such a
-- message; no row: there is no such application.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 ids, 0 where a message is named by
-- its eventId, $5 eventIds
with a as materialized (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), named as materialized (
    select i.n, coalesce(nullif(i.id, 0), (select u.msg_id from message_uid u
        where u.app_id = a.id and u.event_id = i.event_id order by u.bucket desc limit 1)) as id
    from a, unnest($4::int8[], $5::text[]) with ordinality as i(id, event_id, n)
), gone as (
    update message m set payload = null
    where m.app_id = (select id from a) and m.id = any(array(select id from named))
        and m.id >= (select min(id) from named) and m.id <= (select max(id) from named)
    returning m.id
)
select n.id is not null and exists (select 1 from gone g where g.id = n.id) from named n order by n.n
