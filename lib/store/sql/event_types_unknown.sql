-- Which of these names are no event type that is in use. $1 organisation, $2 names
select n.name
from unnest($2::text[]) with ordinality as n(name, no)
where not exists (select 1 from event_type t
    where t.org = $1::text and t.name = n.name and not t.archived)
order by n.no
