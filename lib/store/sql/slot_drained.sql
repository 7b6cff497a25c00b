-- Which of these slots have no retry ahead. $1 slots, $2 from
select s.id from unnest($1::int2[]) as s(id)
where not exists (select 1 from retry r where r.slot = s.id and r.due >= $2::timestamptz)
