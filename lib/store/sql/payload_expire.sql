-- Removes the payloads of messages whose time is over (payload_kept() hides them already); returns how many
-- were looked at. $1 messages at most
select payload_expire($1::int4)
