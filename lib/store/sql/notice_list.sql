-- The oldest notices. $1 rows at most
select n.id, n.org, n.event_type, n.app_id, n.app_uid, n.endpoint_id, n.endpoint_uid, n.fail_since, n.reason,
    n.msg_id, (select m.event_id from message m where m.app_id = n.app_id and m.id = n.msg_id),
    n.attempt_id, n.http_status
from notice n order by n.id limit $1::int4
