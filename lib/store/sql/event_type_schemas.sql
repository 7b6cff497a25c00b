-- The schemas of event types, a row for each name, in their order; what is known already is not read.
-- $1 organisation, $2 names, $3 the versions known, in microseconds (0: none)
select t.schemas is not null, coalesce((extract(epoch from t.updated_at) * 1000000)::int8, 0),
    case when (extract(epoch from t.updated_at) * 1000000)::int8 <> n.known then t.schemas end
from unnest($2::text[], $3::int8[]) with ordinality as n(name, known, no)
left join event_type t on t.org = $1::text and t.name = n.name and not t.archived
order by n.no
