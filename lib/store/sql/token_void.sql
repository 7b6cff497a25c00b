-- Tokens of an application are good no more: those that were made under an older version than the one that
-- this makes. What that makes superfluous goes (token_void_expire.sql has the rest). No row: there is no such
-- application, or it has too many rows.
-- $1 organisation, $2 id or null, $3 uid or null, $4 scopes (migration 0011), $5 ms until then, $6 when all such tokens
-- have expired, or null: never, $7 rows at most
with new as (
    select case when $5::int8 = 0 then 'epoch'::timestamptz
        else now() + $5::int8 * interval '1 millisecond' end as void_from
), a as (
    update app set version = version + 1, changed_at = clock_timestamp()
    where id = coalesce($2::int8,
            (select id from app where org = $1::text and uid = $3::text and deleted_at is null))
        and org = $1::text and ($3::text is null or uid = $3::text) and deleted_at is null
        and ('' = any($4::text[]) and $5::int8 = 0 or (select count(*) from token_void v
            where v.app_id = app.id and v.forget_at > now()) + cardinality($4::text[]) <= $7::int4)
    returning id, version
), old as (
    delete from token_void v using a, new
    where v.app_id = a.id and (v.scope = any($4::text[]) or '' = any($4::text[]))
        and greatest(v.void_from, now()) >= new.void_from
    returning v.id
)
insert into token_void (app_id, scope, version, void_from, forget_at)
select a.id, s.scope, a.version, new.void_from, coalesce($6::timestamptz, 'infinity'::timestamptz)
from a cross join new cross join unnest($4::text[]) as s(scope)
returning app_id, version
