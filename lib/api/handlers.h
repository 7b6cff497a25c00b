/* The handlers that routes.c names, by the file they live in. */
#pragma once

#include "rest/call.h"

/* message.c */
void api_message_create(struct call *c);

/* message_batch.c */
void api_message_batch(struct call *c);

/* message_read.c */
void api_message_list(struct call *c);
void api_message_get(struct call *c);
void api_message_expunge(struct call *c);

/* explain.c */
void api_message_explain(struct call *c);

/* precheck.c */
void api_message_precheck(struct call *c);
void api_message_precheck_get(struct call *c);

/* expunge.c */
void api_message_expunge_many(struct call *c);
void api_message_expunge_all(struct call *c);

/* attempt.c */
void api_attempt_by_endpoint(struct call *c);
void api_attempt_by_msg(struct call *c);
void api_attempt_by_msg_and_endpoint(struct call *c);
void api_attempt_get(struct call *c);
void api_attempt_expunge(struct call *c);

/* attempted.c */
void api_endpoint_message_list(struct call *c);
void api_message_endpoint_list(struct call *c);

/* resend.c */
void api_resend(struct call *c);

/* dead_letter.c */
void api_dead_letter_list(struct call *c);
void api_dead_letter_app_list(struct call *c);
void api_dead_letter_summary(struct call *c);
void api_dead_letter_get(struct call *c);

/* dead_letter_act.c */
void api_dead_letter_replay(struct call *c);
void api_dead_letter_discard(struct call *c);

/* dead_letter_bulk.c */
void api_dead_letter_replay_all(struct call *c);
void api_dead_letter_discard_all(struct call *c);

/* task.c */
void api_task_list(struct call *c);
void api_task_get(struct call *c);
void api_task_pause(struct call *c);
void api_task_resume(struct call *c);
void api_task_cancel(struct call *c);

/* app.c */
void api_app_create(struct call *c);
void api_app_list(struct call *c);
void api_app_get(struct call *c);
void api_app_put(struct call *c);
void api_app_patch(struct call *c);
void api_app_delete(struct call *c);

/* endpoint.c */
void api_endpoint_create(struct call *c);
void api_endpoint_list(struct call *c);
void api_endpoint_get(struct call *c);
void api_endpoint_put(struct call *c);
void api_endpoint_patch(struct call *c);
void api_endpoint_delete(struct call *c);

/* endpoint_challenge.c */
void api_endpoint_verify(struct call *c);

/* endpoint_secret.c */
void api_endpoint_secret_get(struct call *c);
void api_endpoint_secret_rotate(struct call *c);

/* endpoint_headers.c */
void api_endpoint_headers_get(struct call *c);
void api_endpoint_headers_put(struct call *c);
void api_endpoint_headers_patch(struct call *c);

/* endpoint_replay.c */
void api_endpoint_recover(struct call *c);
void api_endpoint_replay_missing(struct call *c);
void api_endpoint_bulk_replay(struct call *c);

/* send_example.c */
void api_endpoint_send_example(struct call *c);

/* endpoint_stats.c */
void api_endpoint_stats(struct call *c);
void api_endpoint_attempt_stats(struct call *c);

/* polling_endpoint.c */
void api_polling_endpoint_create(struct call *c);
void api_polling_endpoint_list(struct call *c);
void api_polling_endpoint_get(struct call *c);
void api_polling_endpoint_put(struct call *c);
void api_polling_endpoint_patch(struct call *c);
void api_polling_endpoint_delete(struct call *c);

/* poller.c */
void api_poll(struct call *c);
void api_poll_consumer(struct call *c);
void api_poll_seek(struct call *c);

/* event_type.c */
void api_event_type_create(struct call *c);
void api_event_type_list(struct call *c);
void api_event_type_get(struct call *c);
void api_event_type_put(struct call *c);
void api_event_type_patch(struct call *c);
void api_event_type_delete(struct call *c);

/* usage.c */
void api_usage_app(struct call *c);
void api_usage_event_types(struct call *c);

/* event_type_import.c */
void api_event_type_import(struct call *c);

/* portal.c */
void api_portal_access(struct call *c);
void api_dashboard_access(struct call *c);

/* whoami.c */
void api_whoami(struct call *c);

/* portal_expire.c */
void api_expire_all(struct call *c);
void api_logout(struct call *c);

/* health.c */
void api_health(struct call *c);
void api_health_ping(struct call *c);

/* openapi.c */
void api_openapi(struct call *c);
