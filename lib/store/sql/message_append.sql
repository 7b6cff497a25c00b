-- A batch of events without names, under a held slot, unless its fate was looked up before (the first id is the
-- lowest; slot_append_above.sql), and the catalogue version each was matched with
-- (deleting an application raises it too). The version is looked up by primary key for each event: a join
-- would be planned by the size that the table of applications happens to have, and cost by it.
-- $1 slot, $2 epoch, then one array for each column. Returns the ids stored.
insert into message (app_id, id, event_type, channels, targets, payload)
select i.app_id, i.id, i.event_type, i.channels, i.targets, i.payload
from unnest($3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
    as i(app_id, id, version, event_type, channels, targets, payload)
where exists (select 1 from slot s where s.id = $1::int2 and s.epoch = $2::int8
        and s.append_above < ($4::int8[])[1])
    and i.version = (select case when a.deleted_at is null then a.version end
        from app a where a.id = i.app_id)
returning id
