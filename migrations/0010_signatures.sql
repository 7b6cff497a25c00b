-- How deliveries to an endpoint are signed.

alter table endpoint
    add column secret_kind smallint not null default 0,              -- lib/policy/sign.h
    add column old_secret_kinds smallint[] not null default '{}';    -- shorter than old_secrets: the others are 0
