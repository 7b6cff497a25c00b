-- Deletes an event type. $1 organisation, $2 name
delete from event_type where org = $1::text and name = $2::text
returning name
