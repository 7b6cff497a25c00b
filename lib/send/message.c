/* Events in memory: reference-counted, shared by the deliveries of one event. */
#include "send/message.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

struct message *
message_new(
    int64_t app_id, int64_t id, struct str event_type, char *payload_take, size_t payload_len)
{
	struct message *m = mem_zalloc(sizeof(*m));
	m->id = id;
	m->app_id = app_id;
	m->event_type = (struct str){ mem_strndup(event_type.p, event_type.n), event_type.n };
	m->payload = (struct str){ payload_take, payload_len };
	m->refs = 1;
	metric_add(METRIC_QUEUED_BYTES, (int64_t)payload_len);
	return m;
}

struct message *
message_ref(struct message *m)
{
	m->refs++;
	return m;
}

void
message_set_payload(struct message *m, struct str payload)
{
	assert(!m->payload.p);
	m->payload = (struct str){ mem_strndup(payload.p, payload.n), payload.n };
	metric_add(METRIC_QUEUED_BYTES, (int64_t)payload.n);
}

void
message_set_type(struct message *m, struct str event_type)
{
	free((char *)(uintptr_t)m->event_type.p);
	m->event_type = (struct str){ mem_strndup(event_type.p, event_type.n), event_type.n };
}

void
message_unref(struct message *m)
{
	assert(m->refs > 0);
	if (--m->refs > 0)
		return;
	assert(!m->listed);
	metric_add(METRIC_QUEUED_BYTES, -(int64_t)m->payload.n);
	free((char *)(uintptr_t)m->payload.p);
	free((char *)(uintptr_t)m->event_type.p);
	free(m);
}
