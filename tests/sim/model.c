/* The table of the model's statements. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "statements.h"

bool model_without[WITHOUT_COUNT];

static const struct {
	const struct pg_stmt *stmt;
	statement_fn run;
} statements[] = {
	{ &stmt_fence, model_fence },
	{ &stmt_fence_held, model_fence_held },
	{ &stmt_beat, model_beat },
	{ &stmt_slot_lock, model_slot_lock },
	{ &stmt_slot_evict, model_slot_evict },
	{ &stmt_slot_adopt, model_slot_adopt },
	{ &stmt_slot_append_above, model_slot_append_above },
	{ &stmt_slot_release, model_slot_release },
	{ &stmt_slot_drained, model_slot_drained },
	{ &stmt_slot_newest, model_slot_newest },
	{ &stmt_slot_recover, model_slot_recover },
	{ &stmt_message_append, model_message_append },
	{ &stmt_message_append_full, model_message_append_full },
	{ &stmt_message_append_keyed, model_message_append_keyed },
	{ &stmt_message_append_named, model_message_append_named },
	{ &stmt_message_exist, model_message_exist },
	{ &stmt_message_why, model_message_why },
	{ &stmt_message_uid_forget, model_message_uid_forget },
	{ &stmt_payload_load, model_payload_load },
	{ &stmt_attempt_append, model_attempt_append },
	{ &stmt_attempt_append_facts, model_attempt_append_facts },
	{ &stmt_attempt_tally, model_attempt_tally },
	{ &stmt_retry_append, model_retry_append },
	{ &stmt_retry_load, model_retry_load },
	{ &stmt_dead_letter_append, model_dead_letter_append },
	{ &stmt_throttle_reserve, model_throttle_reserve },
	{ &stmt_resend, model_resend },
	{ &stmt_dead_letter_replay, model_dead_letter_replay },
	{ &stmt_catalogue_by_id, model_catalogue_by_id },
	{ &stmt_catalogue_by_ref, model_catalogue_by_ref },
	{ &stmt_endpoint_disable, model_endpoint_disable },
	{ &stmt_watched_list, model_watched_list },
	{ &stmt_notice_append, model_notice_append },
	{ &stmt_hold_open, model_hold_open },
	{ &stmt_hold_overflow, model_hold_overflow },
	{ &stmt_hold_set, model_hold_set },
	{ &stmt_hold_close, model_hold_close },
	{ &stmt_hold_get, model_hold_get },
	{ &stmt_hold_lock, model_hold_lock },
	{ &stmt_hold_take, model_hold_take },
	{ &stmt_park_append, model_park_append },
	{ &stmt_queue_append, model_queue_append },
	{ &stmt_parked_load, model_parked_load },
};

statement_fn
model_statement(const struct pg_stmt *stmt)
{
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (statements[i].stmt == stmt)
			return statements[i].run;
	fprintf(stderr, "the model has no statement %s (tests/sim/model.c)\n", stmt->name);
	abort();
}

int
model_switch_off(const char *name)
{
	static const char *const names[] = {
#define X(name, text, help) text,
		MODEL_PROTECTIONS(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		model_without[i] = true;
		return 0;
	}
	return -1;
}
