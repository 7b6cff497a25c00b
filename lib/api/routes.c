/* Every route of the API, in one table, and the way from a path to its row.
 *
 * A path matches segment by segment; {name} takes any segment that is not empty. The first row that
 * fits path and method wins, so literal paths stand before those with a placeholder in their place.
 * The busiest route stands first. */
#include "api/routes.h"

#include <stdio.h>

#include "api/handlers.h"
#include "rest/percent.h"

/* Query parameters that several lists have. */
#define PAGE     "limit iterator order"
#define LOG      PAGE " before after event_types"
#define ATTEMPTS LOG " channel tag status status_code_class with_content with_msg"
#define DEAD_LETTER_FILTER                                                                         \
	"before after event_types endpoint_id reason status_code_class replayed discarded"
#define DEAD_LETTERS PAGE " " DEAD_LETTER_FILTER

const struct route routes[] = {
	/* messages */
	{ HTTP_POST, "/app/{app}/msg", ACCESS_ORG, api_message_create, .own_keys = true,
	    .id = "v1.message.create", .summary = "Send a message", .query = "with_content",
	    .in = "MessageIn", .out = "202 MessageOut" },
	{ HTTP_POST, "/app/{app}/msg/batch", ACCESS_ORG, api_message_batch, .own_keys = true,
	    .id = "v1.message.batch", .summary = "Send many messages",
	    .in = "MessageBatchIn, MessageBatchLines application/x-ndjson",
	    .out = "202 MessageBatchOut" },
	{ HTTP_GET, "/app/{app}/msg", ACCESS_APP, api_message_list, .replica = true,
	    .id = "v1.message.list", .summary = "List messages",
	    .query = LOG " channel tag with_content", .out = "200 ListResponseMessageOut" },
	{ HTTP_GET, "/app/{app}/msg/{msg}", ACCESS_APP, api_message_get, .id = "v1.message.get",
	    .summary = "Get a message", .query = "with_content", .out = "200 MessageOut" },
	{ HTTP_GET, "/app/{app}/msg/{msg}/explain", ACCESS_APP, api_message_explain,
	    .id = "v1.message.explain",
	    .summary = "Tell what became of a message and what comes next", .query = PAGE,
	    .out = "200 ListResponseMessageExplainOut" },
	/* They change nothing, so a key of theirs means nothing. */
	{ HTTP_POST, "/app/{app}/msg/precheck/active", ACCESS_ORG, api_message_precheck,
	    .own_keys = true, .id = "v1.message.precheck",
	    .summary = "Tell whether anybody would get a message", .in = "MessagePrecheckIn",
	    .out = "200 MessagePrecheckOut" },
	{ HTTP_GET, "/app/{app}/msg/precheck/active", ACCESS_ORG, api_message_precheck_get,
	    .id = "v1.message.precheck-get", .summary = "Tell whether anybody would get a message",
	    .query = "eventType channels", .out = "200 MessagePrecheckOut" },
	{ HTTP_POST, "/app/{app}/msg/bulk-expunge", ACCESS_ORG, api_message_expunge_many,
	    .id = "v1.message.bulk-expunge-content",
	    .summary = "Forget the payloads of some messages", .in = "BulkExpungeContentsIn",
	    .out = "200 BulkExpungeContentsOut" },
	{ HTTP_POST, "/app/{app}/msg/expunge-all-contents", ACCESS_ORG, api_message_expunge_all,
	    .id = "v1.message.expunge-all-contents",
	    .summary = "Forget the payloads of all messages of an application",
	    .out = "202 BackgroundTaskOut" },
	{ HTTP_DELETE, "/app/{app}/msg/{msg}/content", ACCESS_ORG, api_message_expunge,
	    .id = "v1.message.expunge-content", .summary = "Forget a message's payload",
	    .out = "204" },

	/* attempts */
	{ HTTP_GET, "/app/{app}/attempt/endpoint/{endpoint}", ACCESS_APP, api_attempt_by_endpoint,
	    .replica = true, .id = "v1.message-attempt.list-by-endpoint",
	    .summary = "List an endpoint's attempts", .query = ATTEMPTS,
	    .out = "200 ListResponseMessageAttemptOut" },
	{ HTTP_GET, "/app/{app}/attempt/msg/{msg}", ACCESS_APP, api_attempt_by_msg, .replica = true,
	    .id = "v1.message-attempt.list-by-msg", .summary = "List a message's attempts",
	    .query = ATTEMPTS " endpoint_id", .out = "200 ListResponseMessageAttemptOut" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/msg", ACCESS_APP, api_endpoint_message_list,
	    .replica = true, .id = "v1.message-attempt.list-attempted-messages",
	    .summary = "List the messages of an endpoint",
	    .query = LOG " channel tag status with_content",
	    .out = "200 ListResponseEndpointMessageOut" },
	{ HTTP_GET, "/app/{app}/msg/{msg}/endpoint", ACCESS_APP, api_message_endpoint_list,
	    .replica = true, .id = "v1.message-attempt.list-attempted-destinations",
	    .summary = "List the endpoints of a message", .query = PAGE,
	    .out = "200 ListResponseMessageEndpointOut" },
	{ HTTP_GET, "/app/{app}/msg/{msg}/attempt", ACCESS_APP, api_attempt_by_msg, .replica = true,
	    .id = "v1.message-attempt.list-by-msg-deprecated",
	    .summary = "List a message's attempts (an older route)",
	    .query = ATTEMPTS " endpoint_id", .out = "200 ListResponseMessageAttemptOut" },
	{ HTTP_GET, "/app/{app}/msg/{msg}/attempt/{attempt}", ACCESS_APP, api_attempt_get,
	    .id = "v1.message-attempt.get", .summary = "Get an attempt",
	    .out = "200 MessageAttemptOut" },
	{ HTTP_DELETE, "/app/{app}/msg/{msg}/attempt/{attempt}/content", ACCESS_ORG,
	    api_attempt_expunge, .id = "v1.message-attempt.expunge-content",
	    .summary = "Forget what an attempt was answered", .out = "204" },
	{ HTTP_GET, "/app/{app}/msg/{msg}/endpoint/{endpoint}/attempt", ACCESS_APP,
	    api_attempt_by_msg_and_endpoint, .replica = true,
	    .id = "v1.message-attempt.list-by-endpoint-deprecated",
	    .summary = "List a message's attempts at an endpoint (an older route)",
	    .query = ATTEMPTS, .out = "200 ListResponseMessageAttemptOut" },
	{ HTTP_POST, "/app/{app}/msg/{msg}/endpoint/{endpoint}/resend", ACCESS_APP, api_resend,
	    .needs = TOKEN_MAY_ATTEMPT, .id = "v1.message-attempt.resend",
	    .summary = "Send a message to an endpoint once more", .out = "202 EmptyOut" },

	/* dead letters */
	{ HTTP_GET, "/dead-letter", ACCESS_ORG, api_dead_letter_list, .replica = true,
	    .id = "v1.dead-letter.list", .summary = "List the organisation's dead letters",
	    .query = DEAD_LETTERS " app_id", .out = "200 ListResponseDeadLetterOut" },
	{ HTTP_GET, "/dead-letter/summary", ACCESS_ORG, api_dead_letter_summary, .replica = true,
	    .id = "v1.dead-letter.summary", .summary = "Count dead letters by endpoint and reason",
	    .query = DEAD_LETTER_FILTER " iterator app_id", .out = "200 DeadLetterSummaryOut" },
	{ HTTP_POST, "/dead-letter/replay", ACCESS_ORG, api_dead_letter_replay_all,
	    .id = "v1.dead-letter.replay-all",
	    .summary = "Replay the dead letters that a filter selects", .in = "DeadLetterFilterIn?",
	    .out = "202 BackgroundTaskOut, 200 DeadLetterCountOut" },
	{ HTTP_POST, "/dead-letter/discard", ACCESS_ORG, api_dead_letter_discard_all,
	    .id = "v1.dead-letter.discard-all",
	    .summary = "Discard the dead letters that a filter selects",
	    .in = "DeadLetterFilterIn?", .out = "202 BackgroundTaskOut, 200 DeadLetterCountOut" },
	{ HTTP_GET, "/app/{app}/dead-letter", ACCESS_APP, api_dead_letter_app_list, .replica = true,
	    .id = "v1.dead-letter.list-by-app", .summary = "List an application's dead letters",
	    .query = DEAD_LETTERS, .out = "200 ListResponseDeadLetterOut" },
	{ HTTP_GET, "/app/{app}/dead-letter/{dead_letter}", ACCESS_APP, api_dead_letter_get,
	    .id = "v1.dead-letter.get", .summary = "Get a dead letter with payload and attempts",
	    .out = "200 DeadLetterDetailOut" },
	{ HTTP_POST, "/app/{app}/dead-letter/{dead_letter}/replay", ACCESS_APP,
	    api_dead_letter_replay, .needs = TOKEN_MAY_ATTEMPT, .id = "v1.dead-letter.replay",
	    .summary = "Replay a dead letter", .out = "202 EmptyOut" },
	{ HTTP_POST, "/app/{app}/dead-letter/{dead_letter}/discard", ACCESS_APP,
	    api_dead_letter_discard, .needs = TOKEN_MAY_ATTEMPT, .id = "v1.dead-letter.discard",
	    .summary = "Discard a dead letter", .out = "204" },

	/* background tasks */
	{ HTTP_POST, "/stats/usage/app", ACCESS_ORG, api_usage_app,
	    .id = "v1.statistics.aggregate-app-stats",
	    .summary = "Count the attempts of each application", .in = "AppUsageStatsIn",
	    .out = "202 AppUsageStatsOut" },
	{ HTTP_PUT, "/stats/usage/event-types", ACCESS_ORG, api_usage_event_types,
	    .id = "v1.statistics.aggregate-event-types",
	    .summary = "Tell which event types each application's endpoints name",
	    .out = "202 BackgroundTaskOut" },
	{ HTTP_GET, "/background-task", ACCESS_ORG, api_task_list, .id = "v1.background-task.list",
	    .summary = "List background tasks", .query = PAGE " status.task task",
	    .out = "200 ListResponseBackgroundTaskOut" },
	{ HTTP_GET, "/background-task/{task}", ACCESS_ORG, api_task_get,
	    .id = "v1.background-task.get", .summary = "Get a background task",
	    .out = "200 BackgroundTaskOut" },
	{ HTTP_POST, "/background-task/{task}/pause", ACCESS_ORG, api_task_pause,
	    .id = "v1.background-task.pause", .summary = "Pause a background task",
	    .out = "200 BackgroundTaskOut" },
	{ HTTP_POST, "/background-task/{task}/resume", ACCESS_ORG, api_task_resume,
	    .id = "v1.background-task.resume", .summary = "Resume a background task",
	    .out = "200 BackgroundTaskOut" },
	{ HTTP_POST, "/background-task/{task}/cancel", ACCESS_ORG, api_task_cancel,
	    .id = "v1.background-task.cancel", .summary = "Cancel a background task",
	    .out = "200 BackgroundTaskOut" },

	/* applications */
	{ HTTP_POST, "/app", ACCESS_ORG, api_app_create, .id = "v1.application.create",
	    .summary = "Create an application", .query = "get_if_exists", .in = "ApplicationIn",
	    .out = "201 ApplicationOut, 200 ApplicationOut" },
	{ HTTP_GET, "/app", ACCESS_ORG, api_app_list, .id = "v1.application.list",
	    .summary = "List applications", .query = PAGE,
	    .out = "200 ListResponseApplicationOut" },
	{ HTTP_GET, "/app/{app}", ACCESS_APP, api_app_get, .id = "v1.application.get",
	    .summary = "Get an application", .out = "200 ApplicationOut" },
	{ HTTP_PUT, "/app/{app}", ACCESS_ORG, api_app_put, .id = "v1.application.update",
	    .summary = "Create or replace an application", .in = "ApplicationIn",
	    .out = "200 ApplicationOut, 201 ApplicationOut" },
	{ HTTP_PATCH, "/app/{app}", ACCESS_ORG, api_app_patch, .id = "v1.application.patch",
	    .summary = "Change an application", .in = "ApplicationPatch",
	    .out = "200 ApplicationOut" },
	{ HTTP_DELETE, "/app/{app}", ACCESS_ORG, api_app_delete, .id = "v1.application.delete",
	    .summary = "Delete an application", .out = "204" },

	/* endpoints */
	{ HTTP_POST, "/app/{app}/endpoint", ACCESS_APP, api_endpoint_create,
	    .id = "v1.endpoint.create", .summary = "Create an endpoint", .in = "EndpointIn",
	    .out = "201 EndpointOut" },
	{ HTTP_GET, "/app/{app}/endpoint", ACCESS_APP, api_endpoint_list, .id = "v1.endpoint.list",
	    .summary = "List endpoints", .query = PAGE, .out = "200 ListResponseEndpointOut" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_get,
	    .id = "v1.endpoint.get", .summary = "Get an endpoint", .out = "200 EndpointOut" },
	{ HTTP_PUT, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_put,
	    .id = "v1.endpoint.update", .summary = "Create or replace an endpoint",
	    .in = "EndpointUpdate", .out = "200 EndpointOut, 201 EndpointOut" },
	{ HTTP_PATCH, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_patch,
	    .id = "v1.endpoint.patch", .summary = "Change an endpoint", .in = "EndpointPatch",
	    .out = "200 EndpointOut" },
	{ HTTP_DELETE, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_delete,
	    .id = "v1.endpoint.delete", .summary = "Delete an endpoint", .out = "204" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/secret", ACCESS_APP, api_endpoint_secret_get,
	    .needs = TOKEN_MAY_VIEW_SECRET | TOKEN_MAY_MANAGE_SECRET | TOKEN_MAY_MANAGE,
	    .id = "v1.endpoint.get-secret", .summary = "Get the key that signs",
	    .out = "200 EndpointSecretOut" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/secret/rotate", ACCESS_APP,
	    api_endpoint_secret_rotate, .needs = TOKEN_MAY_MANAGE_SECRET | TOKEN_MAY_MANAGE,
	    .id = "v1.endpoint.rotate-secret", .summary = "Replace the key that signs",
	    .in = "EndpointSecretRotateIn?", .out = "200 EndpointSecretOut, 204" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP, api_endpoint_headers_get,
	    .id = "v1.endpoint.get-headers", .summary = "Get the headers that are added",
	    .out = "200 EndpointHeadersOut" },
	{ HTTP_PUT, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP, api_endpoint_headers_put,
	    .id = "v1.endpoint.update-headers", .summary = "Replace the headers that are added",
	    .in = "EndpointHeadersIn", .out = "204" },
	{ HTTP_PATCH, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP,
	    api_endpoint_headers_patch, .id = "v1.endpoint.patch-headers",
	    .summary = "Change the headers that are added", .in = "EndpointHeadersPatchIn",
	    .out = "204" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/stats", ACCESS_APP, api_endpoint_stats,
	    .id = "v1.endpoint.get-stats", .summary = "Count an endpoint's attempts",
	    .query = "since until", .out = "200 EndpointStats" },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/attempt-stats", ACCESS_APP,
	    api_endpoint_attempt_stats, .id = "v1.endpoint.get-attempt-stats",
	    .summary = "Count an endpoint's attempts that have ended", .query = "since until",
	    .out = "200 EndpointAttemptStats" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/send-example", ACCESS_ORG,
	    api_endpoint_send_example, .id = "v1.endpoint.send-example",
	    .summary = "Send an example of an event type to this endpoint alone",
	    .in = "EventExampleIn", .out = "200 MessageOut" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/verify", ACCESS_APP, api_endpoint_verify,
	    .id = "v1.endpoint.verify", .summary = "Challenge an endpoint's URL again",
	    .out = "200 EndpointOut" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/recover", ACCESS_APP, api_endpoint_recover,
	    .needs = TOKEN_MAY_ATTEMPT, .id = "v1.endpoint.recover",
	    .summary = "Deliver again what failed and never succeeded", .in = "RecoverIn",
	    .out = "202 BackgroundTaskOut" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/replay-missing", ACCESS_APP,
	    api_endpoint_replay_missing, .needs = TOKEN_MAY_ATTEMPT,
	    .id = "v1.endpoint.replay-missing",
	    .summary = "Deliver what matches and was never attempted", .in = "ReplayIn",
	    .out = "202 BackgroundTaskOut" },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/bulk-replay", ACCESS_APP,
	    api_endpoint_bulk_replay, .needs = TOKEN_MAY_ATTEMPT, .id = "v1.endpoint.bulk-replay",
	    .summary = "Deliver again what a filter selects of the attempted", .in = "BulkReplayIn",
	    .out = "202 BackgroundTaskOut" },

	/* polling endpoints: Posthorn's own routes to make them, and those that read them */
	{ HTTP_POST, "/app/{app}/polling-endpoint", ACCESS_APP, api_polling_endpoint_create,
	    .id = "v1.polling-endpoint.create", .summary = "Create a polling endpoint",
	    .in = "PollingEndpointConfigIn?", .out = "201 PollingEndpointConfigOut" },
	{ HTTP_GET, "/app/{app}/polling-endpoint", ACCESS_APP, api_polling_endpoint_list,
	    .id = "v1.polling-endpoint.list", .summary = "List polling endpoints",
	    .query = "limit iterator order", .out = "200 ListResponsePollingEndpointConfigOut" },
	{ HTTP_GET, "/app/{app}/polling-endpoint/{polling_endpoint}", ACCESS_APP,
	    api_polling_endpoint_get, .id = "v1.polling-endpoint.get",
	    .summary = "Get a polling endpoint", .out = "200 PollingEndpointConfigOut" },
	{ HTTP_PUT, "/app/{app}/polling-endpoint/{polling_endpoint}", ACCESS_APP,
	    api_polling_endpoint_put, .id = "v1.polling-endpoint.update",
	    .summary = "Replace a polling endpoint, or create it", .in = "PollingEndpointConfigIn?",
	    .out = "200 PollingEndpointConfigOut, 201 PollingEndpointConfigOut" },
	{ HTTP_PATCH, "/app/{app}/polling-endpoint/{polling_endpoint}", ACCESS_APP,
	    api_polling_endpoint_patch, .id = "v1.polling-endpoint.patch",
	    .summary = "Change fields of a polling endpoint", .in = "PollingEndpointConfigPatch",
	    .out = "200 PollingEndpointConfigOut" },
	{ HTTP_DELETE, "/app/{app}/polling-endpoint/{polling_endpoint}", ACCESS_APP,
	    api_polling_endpoint_delete, .id = "v1.polling-endpoint.delete",
	    .summary = "Delete a polling endpoint", .out = "204" },
	{ HTTP_GET, "/app/{app}/poller/{sink_id}", ACCESS_APP, api_poll,
	    .id = "v1.message.poller.poll", .summary = "Read what a polling endpoint has",
	    .query = "limit iterator.poll event_type channel after",
	    .out = "200 PollingEndpointOut" },
	{ HTTP_GET, "/app/{app}/poller/{sink_id}/consumer/{consumer_id}", ACCESS_APP,
	    api_poll_consumer, .needs = TOKEN_MAY_MANAGE, .id = "v1.message.poller.consumer-poll",
	    .summary = "Read on as a consumer whose place is kept", .query = "limit iterator.poll",
	    .out = "200 PollingEndpointOut" },
	{ HTTP_POST, "/app/{app}/poller/{sink_id}/consumer/{consumer_id}/seek", ACCESS_APP,
	    api_poll_seek, .id = "v1.message.poller.consumer-seek",
	    .summary = "Set a consumer's place by time", .in = "PollingEndpointConsumerSeekIn",
	    .out = "200 PollingEndpointConsumerSeekOut" },

	/* operational webhooks: endpoints of the application that watches the organisation */
	{ HTTP_POST, "/operational-webhook/endpoint", ACCESS_ORG, api_endpoint_create,
	    .operational = true, .id = "v1.operational-webhook.endpoint.create",
	    .summary = "Create an endpoint for operational webhooks", .in = "EndpointIn",
	    .out = "201 EndpointOut" },
	{ HTTP_GET, "/operational-webhook/endpoint", ACCESS_ORG, api_endpoint_list,
	    .operational = true, .id = "v1.operational-webhook.endpoint.list",
	    .summary = "List the endpoints for operational webhooks", .query = PAGE,
	    .out = "200 ListResponseEndpointOut" },
	{ HTTP_GET, "/operational-webhook/endpoint/{endpoint}", ACCESS_ORG, api_endpoint_get,
	    .operational = true, .id = "v1.operational-webhook.endpoint.get",
	    .summary = "Get an endpoint for operational webhooks", .out = "200 EndpointOut" },
	{ HTTP_PUT, "/operational-webhook/endpoint/{endpoint}", ACCESS_ORG, api_endpoint_put,
	    .operational = true, .id = "v1.operational-webhook.endpoint.update",
	    .summary = "Create or replace an endpoint for operational webhooks",
	    .in = "EndpointUpdate", .out = "200 EndpointOut, 201 EndpointOut" },
	{ HTTP_PATCH, "/operational-webhook/endpoint/{endpoint}", ACCESS_ORG, api_endpoint_patch,
	    .operational = true, .id = "v1.operational-webhook.endpoint.patch",
	    .summary = "Change an endpoint for operational webhooks", .in = "EndpointPatch",
	    .out = "200 EndpointOut" },
	{ HTTP_DELETE, "/operational-webhook/endpoint/{endpoint}", ACCESS_ORG, api_endpoint_delete,
	    .operational = true, .id = "v1.operational-webhook.endpoint.delete",
	    .summary = "Delete an endpoint for operational webhooks", .out = "204" },
	{ HTTP_GET, "/operational-webhook/endpoint/{endpoint}/secret", ACCESS_ORG,
	    api_endpoint_secret_get, .operational = true,
	    .id = "v1.operational-webhook.endpoint.get-secret",
	    .summary = "Get the key that signs operational webhooks",
	    .out = "200 EndpointSecretOut" },
	{ HTTP_POST, "/operational-webhook/endpoint/{endpoint}/secret/rotate", ACCESS_ORG,
	    api_endpoint_secret_rotate, .operational = true,
	    .id = "v1.operational-webhook.endpoint.rotate-secret",
	    .summary = "Replace the key that signs operational webhooks",
	    .in = "EndpointSecretRotateIn?", .out = "200 EndpointSecretOut, 204" },
	{ HTTP_GET, "/operational-webhook/endpoint/{endpoint}/headers", ACCESS_ORG,
	    api_endpoint_headers_get, .operational = true,
	    .id = "v1.operational-webhook.endpoint.get-headers",
	    .summary = "Get the headers that are added to operational webhooks",
	    .out = "200 EndpointHeadersOut" },
	{ HTTP_PUT, "/operational-webhook/endpoint/{endpoint}/headers", ACCESS_ORG,
	    api_endpoint_headers_put, .operational = true,
	    .id = "v1.operational-webhook.endpoint.update-headers",
	    .summary = "Replace the headers that are added to operational webhooks",
	    .in = "EndpointHeadersIn", .out = "204" },
	{ HTTP_PATCH, "/operational-webhook/endpoint/{endpoint}/headers", ACCESS_ORG,
	    api_endpoint_headers_patch, .operational = true,
	    .id = "v1.operational-webhook.endpoint.patch-headers",
	    .summary = "Change the headers that are added to operational webhooks",
	    .in = "EndpointHeadersPatchIn", .out = "204" },

	/* event types */
	{ HTTP_POST, "/event-type", ACCESS_ORG, api_event_type_create, .id = "v1.event-type.create",
	    .summary = "Create an event type", .in = "EventTypeIn", .out = "201 EventTypeOut" },
	{ HTTP_GET, "/event-type", ACCESS_READ, api_event_type_list, .id = "v1.event-type.list",
	    .summary = "List event types",
	    .query = "limit iterator include_archived with_content.event_type",
	    .out = "200 ListResponseEventTypeOut" },
	{ HTTP_POST, "/event-type/import/openapi", ACCESS_ORG, api_event_type_import,
	    .id = "v1.event-type.import-openapi",
	    .summary = "Make event types of an OpenAPI document's webhooks",
	    .in = "EventTypeImportOpenApiIn", .out = "200 EventTypeImportOpenApiOut" },
	{ HTTP_GET, "/event-type/{name}", ACCESS_READ, api_event_type_get,
	    .id = "v1.event-type.get", .summary = "Get an event type", .out = "200 EventTypeOut" },
	{ HTTP_PUT, "/event-type/{name}", ACCESS_ORG, api_event_type_put,
	    .id = "v1.event-type.update", .summary = "Create or replace an event type",
	    .in = "EventTypeUpdate", .out = "200 EventTypeOut, 201 EventTypeOut" },
	{ HTTP_PATCH, "/event-type/{name}", ACCESS_ORG, api_event_type_patch,
	    .id = "v1.event-type.patch", .summary = "Change an event type", .in = "EventTypePatch",
	    .out = "200 EventTypeOut" },
	{ HTTP_DELETE, "/event-type/{name}", ACCESS_ORG, api_event_type_delete,
	    .id = "v1.event-type.delete", .summary = "Archive or delete an event type",
	    .query = "expunge", .out = "204" },

	/* tokens */
	{ HTTP_POST, "/auth/app-portal-access/{app}", ACCESS_ORG, api_portal_access,
	    .id = "v1.authentication.app-portal-access", .summary = "Make an application's token",
	    .in = "AppPortalAccessIn?", .out = "200 AppPortalAccessOut" },
	{ HTTP_POST, "/auth/dashboard-access/{app}", ACCESS_ORG, api_dashboard_access,
	    .id = "v1.authentication.dashboard-access",
	    .summary = "Make an application's token (an older route)", .in = "DashboardAccessIn?",
	    .out = "200 AppPortalAccessOut" },
	{ HTTP_GET, "/auth/whoami", ACCESS_READ, api_whoami, .id = "v1.authentication.whoami",
	    .summary = "See whose the token of the call is", .out = "200 WhoamiOut" },
	{ HTTP_POST, "/auth/logout", ACCESS_READ, api_logout, .needs = TOKEN_MAY_EVERYTHING,
	    .id = "v1.authentication.logout", .summary = "Revoke the token of the call",
	    .out = "204" },
	{ HTTP_POST, "/auth/app/{app}/expire-all", ACCESS_ORG, api_expire_all,
	    .id = "v1.authentication.expire-all", .summary = "Revoke an application's tokens",
	    .in = "ApplicationTokenExpireIn?", .out = "204" },

	/* health */
	{ HTTP_GET, "/health", ACCESS_NONE, api_health, .id = "v1.health.get",
	    .summary = "See how the service is", .out = "200 HealthOut, 500 HealthOut" },
	{ HTTP_GET, "/health/ping", ACCESS_NONE, api_health_ping, .id = "v1.health.ping",
	    .summary = "See whether the service answers", .out = "204" },

	/* the document of all these */
	{ HTTP_GET, "/openapi.json", ACCESS_NONE, api_openapi, .id = "v1.openapi.get",
	    .summary = "Get this document", .out = "200 OpenApiDocument" },
};
const int routes_count = ARRAY_LEN(routes);

/* Families of the same API that Posthorn does not have: these paths and everything below them. */
static const char *const not_offered[] = {
	"/admin",
	"/app/{app}/autoconfig",
	"/app/{app}/destination",
	"/app/{app}/endpoint/{endpoint}/auto-config",
	"/app/{app}/endpoint/{endpoint}/transformation",
	"/app/{app}/events",
	"/app/{app}/integration",
	"/auth/stream",
	"/auth/stream-logout",
	"/auth/stream-portal-access",
	"/connector",
	"/environment",
	"/ingest",
	"/stream",
};

/* Takes "/segment" off the front of a path; false when there is none. */
static bool
next_segment(struct str *path, struct str *ret)
{
	if (path->n < 2 || path->p[0] != '/')
		return false;
	const char *start = path->p + 1;
	const char *slash = memchr(start, '/', path->n - 1);
	size_t n = slash ? (size_t)(slash - start) : path->n - 1;
	*ret = (struct str){ start, n };
	*path = (struct str){ start + n, path->n - 1 - n };
	return n > 0;
}

/* Walks pattern and path together. Parameters go to params (still encoded), their number to *ret_n.
 * *rest is what the path has more than the pattern. */
static bool
match(const char *pattern, struct str path, struct str params[CALL_PARAMS_MAX], int *ret_n,
    struct str *rest)
{
	struct str want = str_of(pattern), expected, given;
	int n = 0;
	while (next_segment(&want, &expected)) {
		if (!next_segment(&path, &given))
			return false;
		if (expected.p[0] == '{')
			params[n++] = given;
		else if (!str_eq(expected, given))
			return false;
	}
	*ret_n = n;
	*rest = path;
	return true;
}

static void
allow(struct route_match *m, enum http_method method)
{
	size_t n = strlen(m->allow);
	snprintf(m->allow + n, sizeof(m->allow) - n, "%s%s%s", n ? ", " : "",
	    http_method_to_text(method), method == HTTP_GET ? ", HEAD" : "");
}

static bool
is_not_offered(struct str path)
{
	struct str params[CALL_PARAMS_MAX], rest;
	int n;
	for (size_t i = 0; i < ARRAY_LEN(not_offered); i++)
		if (match(not_offered[i], path, params, &n, &rest))
			return true;
	return false;
}

static int
decode_params(struct route_match *m, struct arena *a, struct err *e)
{
	for (int i = 0; i < m->nparams; i++)
		if (percent_decode(m->params[i], false, a, &m->params[i]))
			return err_set(e, ERR_BAD_REQUEST, "the path is not well encoded");
	return 0;
}

int
route_find(enum http_method method, struct str path, struct arena *a, struct route_match *ret,
    struct err *e)
{
	*ret = (struct route_match){ 0 };
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	enum http_method as = method == HTTP_HEAD ? HTTP_GET : method;
	for (int i = 0; i < routes_count; i++) {
		struct str rest;
		if (!match(routes[i].path, path, ret->params, &ret->nparams, &rest) || rest.n)
			continue;
		if (routes[i].method == as) {
			ret->route = &routes[i];
			return decode_params(ret, a, e);
		}
		allow(ret, routes[i].method);
	}
	ret->not_offered = is_not_offered(path);
	return 0;
}
