-- Which of these slots have no retry ahead and keep no hold. $1 slots, $2 from
-- "offset 0": each question ends at the first row that is found.
select s.id from unnest($1::int2[]) as s(id)
where not exists (select 1 from retry r where r.slot = s.id and r.due >= $2::timestamptz offset 0)
    and not exists (select 1 from hold h where h.slot = s.id and (h.state <> 0 or h.ordered))
