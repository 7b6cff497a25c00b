-- What polling endpoints have to read, but not before its time (deliverAt): a row for each match, appended by
-- the transaction that stores the message. The first reader behind its time gives it its place in the order,
-- which is that of polled: the number of the transaction that did (lib/store/sql/poll_due.sql). Rows are rare;
-- partitions are wide, since every page looks into each.
create table polled_later (
    app_id bigint not null,
    endpoint_id bigint not null,
    msg_id bigint not null,
    due timestamptz not null,
    pos bigint, -- null: it has none yet
    primary key (app_id, endpoint_id, msg_id)
) partition by range (msg_id);
create index polled_later_due on polled_later (app_id, endpoint_id, due, msg_id) where pos is null;
create index polled_later_pos on polled_later (app_id, endpoint_id, pos, msg_id) where pos is not null;
insert into partition_rule values ('polled_later', 'id', 2592000, 604800, '');

select partitions_ahead();
