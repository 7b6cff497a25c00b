-- Housekeeping finds what can be forgotten of token_void (token_void_expire.sql).
create index token_void_forget on token_void (forget_at);

-- Applications take theirs with them when they are deleted (app_delete.sql); these were before.
delete from token_void v using app a where a.id = v.app_id and a.deleted_at is not null;
