-- Several nodes: what they have to know of each other.

-- No append of an id at or below this is stored any more: the owner has looked whether it was
-- (lib/ingest/limbo.c), and its answer stays true.
alter table slot add column append_above bigint not null default 0;

-- The slot's owner has time for more: whoever has none leaves lapsed slots to it (lib/send/slot_share.c).
alter table slot add column spare boolean not null default false;

-- A worker reads its slots' retries in order of their time, a page at a time.
create index retry_slot on retry (slot, due);
