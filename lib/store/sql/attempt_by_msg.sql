-- A page of a message's attempts, by id. One row with a null id: the page is empty; no row: there is
-- no such message, or no such endpoint and it was asked for one ($18). Columns as in attempt_by_endpoint_down.
-- $1 organisation, $2 application's id or null, $3 application's uid or null, $4 message's id or null,
-- $5 message's eventId or null, $6 above this id, $7 below this id, $8 rows at most, $9 descending,
-- $10 event types or null, $11 channel or null, $12 status or null, $13 class of the answer's status or
-- null, $14 bytes of payloads, $15 endpoint's id or null, $16 endpoint's uid or null, $17 tag or null,
-- $18 whether the endpoint must be there
-- (endpoint_id + 0: a message's attempts are looked through by message, never an endpoint's.)
with a as (
    select id from app
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
), m as (
    select m.app_id, m.id, m.event_type, m.event_id, m.channels, m.extra, payload_kept(m.payload, m.extra) as payload
    from a join message m on m.app_id = a.id and m.id = coalesce($4::int8,
        (select u.msg_id from message_uid u where u.app_id = a.id and u.event_id = $5::text
            order by u.bucket desc limit 1))
), e as (
    select coalesce($15::int8, (select o.id from endpoint o join a on a.id = o.app_id
        where o.uid = $16::text and o.deleted_at is null)) as id
)
select t.id, t.msg_id, t.endpoint_id, u.url, t.response, t.http_status, t.duration_ms, t.status,
    t.trigger, t.next_at, t.error,
    m.event_type, m.event_id, m.channels, case when t.room then m.payload end, (m.extra).tags,
    (m.extra).deliver_at,
    not t.room and $14::int8 > 0
from m
left join lateral (
    select x.*, ((row_number() over (order by case when $9::bool then -x.id else x.id end) - 1)
        * octet_length(m.payload) < $14::int8) is not false and $14::int8 > 0 as room
    from attempt x
    where x.app_id = m.app_id and x.msg_id = m.id
        and x.id > $6::int8 and x.id < $7::int8
        and ($10::text[] is null or m.event_type = any($10::text[]))
        and ($11::text is null or $11::text = any(string_to_array(m.channels, ',')))
        and ($17::text is null or $17::text = any(string_to_array((m.extra).tags, U&'\001F')))
        and ($12::int2 is null or x.status = $12::int2)
        and ($13::int2 is null or x.http_status / 100 = $13::int2)
        and (($15::int8 is null and $16::text is null) or x.endpoint_id + 0 = (select id from e))
    order by case when $9::bool then -x.id else x.id end limit $8::int4) t on true
left join endpoint_url u on u.app_id = t.app_id and u.endpoint_id = t.endpoint_id and u.no = t.url_no
where not $18::bool or exists (
    select 1 from endpoint o join a on a.id = o.app_id where o.id = (select id from e))
order by case when $9::bool then -t.id else t.id end
