-- A batch of events without keys, under a held slot and the catalogue version each was matched with.
-- $1 slot, $2 epoch, then one array for each column. Returns the ids stored.
insert into message (app_id, id, event_type, channels, targets, payload)
select i.app_id, i.id, i.event_type, i.channels, i.targets, i.payload
from unnest($3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
    as i(app_id, id, version, event_type, channels, targets, payload)
join app a on a.id = i.app_id and a.version = i.version and a.deleted_at is null
where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8)
returning id
