-- What a background task that counts has found: a row for each application. Kept for a week
-- (task_results_expire.sql).
create table task_result (
    task_id bigint not null,
    app_id bigint not null,
    app_uid text,
    deliveries bigint,             -- application.stats: attempts made
    event_types text[],            -- event-type.aggregate: those that endpoints name
    catch_all boolean,             -- and whether one takes all
    primary key (task_id, app_id)
);
