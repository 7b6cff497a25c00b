-- Background tasks of more kinds than two. A worker claims those whose names it knows only; one of the
-- version before would take any that is no replay for a discard of dead letters, so it shall find none: its
-- statement names a column that is no more.

alter table task rename column kind to name;
