-- Reserves time of endpoints and applications with a limited rate: of each, the next n / rate seconds that
-- nobody has reserved, at most a quarter of a second or one delivery. Nothing is reserved that lies more than
-- a quarter of a second ahead; what was not reserved a tenth of a second ago is lost. A mark that lies
-- further ahead than this can bring it was made at a lower rate, or before the clock was set back: it is void.
-- The rows are locked in order of their keys; those that are far ahead are not locked at all.
-- $1 applications, $2 endpoints or 0, $3 rates, $4 how many deliveries each wants; no key twice
-- Rows: number in the arrays; how many it gets; when the first may go out, in us from now, or null when it
-- gets none; when to ask again, in us from now, or null when somebody else was faster.
with asked as (
    select i.no, i.app_id, i.endpoint_id, i.rate, g.n, g.n * interval '1 second' / i.rate as span,
        t.free_at - now() as ahead,
        interval '0.25 seconds' + greatest(interval '0.25 seconds', interval '1 second' / i.rate) as most
    from unnest($1::int8[], $2::int8[], $3::int4[], $4::int4[]) with ordinality
        as i(app_id, endpoint_id, rate, wanted, no)
    cross join lateral (select least(i.wanted, greatest(1, i.rate / 4)) as n) g
    left join throttle t on t.app_id = i.app_id and t.endpoint_id = i.endpoint_id
), granted as (
    insert into throttle as t (app_id, endpoint_id, rate, free_at)
    select a.app_id, a.endpoint_id, a.rate, now() + a.span from asked a
    where a.ahead is null or a.ahead <= interval '0.25 seconds' or a.ahead > a.most
    order by a.app_id, a.endpoint_id
    on conflict (app_id, endpoint_id) do update
    set rate = excluded.rate,
        free_at = excluded.free_at - now() + case
            when t.free_at > clock_timestamp() + interval '0.25 seconds'
            then clock_timestamp() + interval '0.25 seconds'
            else greatest(t.free_at, clock_timestamp() - interval '0.1 seconds') end
    where t.free_at <= clock_timestamp() + interval '0.25 seconds'
        or t.free_at > clock_timestamp() + interval '0.25 seconds'
            + greatest(interval '0.25 seconds', interval '1 second' / excluded.rate)
    returning app_id, endpoint_id, free_at
)
select a.no, a.n, (extract(epoch from g.free_at - a.span - clock_timestamp()) * 1000000)::int8,
    (extract(epoch from a.ahead - interval '0.25 seconds') * 1000000)::int8
from asked a
left join granted g using (app_id, endpoint_id)
