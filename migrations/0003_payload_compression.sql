-- Payloads and answers of more than 2 kB are compressed with LZ4. What one row took (PostgreSQL 15), and
-- its disk, against no compression and up to 8 kB in the row itself:
--   3 kB of JSON              9 to 20 us, 1.2 kB    18 to 26 us,  4.1 kB
--   9 kB of JSON                   42 us, 4.3 kB          82 us,  9.5 kB
--   18 kB of JSON                  95 us, 8.3 kB          92 us, 18.8 kB
--   3 kB that do not compress 15 to 21 us, 3.3 kB    11 to 14 us,  4.1 kB
do $$
declare
    log record;
begin
    for log in
        select c.oid::regclass as name, p.column_name
        from (values ('message', 'payload'), ('attempt', 'response')) as p(parent, column_name)
        join pg_class c on c.oid = p.parent::regclass
            or c.oid in (select inhrelid from pg_inherits where inhparent = p.parent::regclass)
    loop
        execute format('alter table %s alter column %I set compression lz4, alter column %I set storage extended',
            log.name, log.column_name, log.column_name);
        if log.name <> 'message'::regclass and log.column_name = 'payload' then
            execute format('alter table %s reset (toast_tuple_target)', log.name);
        end if;
    end loop;
    update partition_rule set options = '' where parent = 'message';
exception when feature_not_supported then
    null; -- a PostgreSQL that was built without LZ4 keeps the payloads as they are
end $$;
