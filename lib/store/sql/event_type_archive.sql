-- Archives an event type. $1 organisation, $2 name
update event_type set archived = true, updated_at = clock_timestamp()
where org = $1::text and name = $2::text
returning name
