-- Operational webhooks about attempts besides those about endpoints; what voids tokens of an application.

-- What was attempted, of a notice about an attempt.
alter table notice
    add column msg_id bigint,
    add column attempt_id bigint,
    add column http_status smallint;

-- Whether anybody is told about an organisation: the application that watches it (lib/ops/notices.h) has an
-- endpoint that is switched on. Nobody is told about the management organisation itself: its own failures
-- would be told to the endpoints that fail.
create function watched(who text) returns boolean language sql stable as $$
    select who <> 'org_00000000000SvixManagement00' and exists (
        select 1 from app w
        join endpoint e on e.app_id = w.id and e.deleted_at is null and not e.disabled
        where w.org = 'org_00000000000SvixManagement00' and w.uid = who and w.deleted_at is null)
$$;

-- What those endpoints can ask for.
insert into event_type (org, name, description)
select 'org_00000000000SvixManagement00', t.name, t.description
from (values
    ('endpoint.created', 'An endpoint was created.'),
    ('endpoint.updated', 'An endpoint, its headers or its secret were changed.'),
    ('endpoint.deleted', 'An endpoint was deleted.'),
    ('endpoint.disabled', 'An endpoint was disabled for what it answered, or did not.'),
    ('message.attempt.failing', 'A message could not be delivered four times, and is tried on.'),
    ('message.attempt.exhausted', 'A message could not be delivered, and is not tried any more.'),
    ('message.attempt.recovered', 'A message was delivered at the fifth attempt or a later one.')
) as t(name, description)
on conflict (org, name) do nothing;

-- Tokens of an application that are good no more. A row is about the tokens that were made under an older
-- version of the application than its own (version): all of them, those of a session, or a single one.
create table token_void (
    id bigint primary key generated always as identity,
    app_id bigint not null,
    scope text collate "C" not null,        -- '': all; 's' and a session; 't' and a token's fingerprint
    version bigint not null,
    made_at timestamptz not null default now(),
    void_from timestamptz not null,         -- good until then
    forget_at timestamptz not null          -- by then they all have expired
);
create index token_void_app on token_void (app_id);
