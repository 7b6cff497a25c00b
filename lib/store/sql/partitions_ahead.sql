-- Makes missing partitions; returns how many.
select partitions_ahead()::int8
