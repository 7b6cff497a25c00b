-- The organisations that somebody watches (migration 0011, watched). $1 rows at most
select w.uid from app w
where w.org = notices_org() and w.deleted_at is null and w.uid is not null
    and exists (select 1 from endpoint e where e.app_id = w.id and e.deleted_at is null
        and not (e.disabled or e.unverified))
order by w.uid limit $1::int4
