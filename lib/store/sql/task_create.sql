-- A new background task, running from the start. $1 id, $2 organisation, $3 application or null, $4 name,
-- $5 filter (JSON), $6 rate or null, $7 total, $8 cursor, $9 by whom
insert into task as t (id, org, app_id, name, status, filter, rate_per_second, total, cursor, by)
values ($1::int8, $2::text, $3::int8, $4::text, 'running', $5::text, $6::int4, $7::int8, $8::int8,
    $9::text)
returning t.id, t.name, t.status, t.total, t.done, t.failed, t.rate_per_second, t.app_id, t.filter, t.by,
    t.created_at, t.updated_at, t.cursor
