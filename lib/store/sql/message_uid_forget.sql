-- Frees eventIds of events that were not stored. $1 applications, $2 eventIds, $3 messages
delete from message_uid u
using unnest($1::int8[], $2::text[], $3::int8[]) as i(app_id, event_id, msg_id)
where u.app_id = i.app_id and u.event_id = i.event_id and u.msg_id = i.msg_id
