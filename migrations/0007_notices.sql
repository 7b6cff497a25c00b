-- Operational webhooks: what happened to endpoints, on its way to whoever watches them. A row is written by
-- the statement that makes it happen, becomes an event of the watching application (lib/ops/notices.c), and
-- is deleted then. There are few.
create table notice (
    id bigint primary key generated always as identity,
    org text not null,              -- whose endpoint it is about
    event_type text not null,
    app_id bigint not null,
    app_uid text,
    endpoint_id bigint not null,
    endpoint_uid text,
    fail_since timestamptz,
    reason text,
    created_at timestamptz not null default now()
);
