-- Archives what an import does not name. $1 organisation, $2 names
update event_type set archived = true, updated_at = clock_timestamp()
where org = $1::text and not archived and name <> all($2::text[])
returning name
