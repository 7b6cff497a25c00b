-- Whether the database answers.
select 1::int8
