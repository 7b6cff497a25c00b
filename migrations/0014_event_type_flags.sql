-- The feature flags of an event type beside feature_flag, any of which shows it to who carries it.
alter table event_type add column more_flags text[] collate "C"; -- null: none
