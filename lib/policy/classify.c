/* From the end of an exchange to what is done about it. The rules are those of Standard Webhooks
 * 1.0.0 ("Operational considerations"): 2xx alone is success, redirects are failures, 410 ends the
 * endpoint, 429, 502 and 504 slow it down; 503 is the status that Retry-After was made for. */
#include "policy/classify.h"

#include <assert.h>

#include "base/attr.h"

static const struct {
	int status;
	enum outcome outcome;
} special[] = {
	{ 410, OUTCOME_GONE },
	{ 429, OUTCOME_THROTTLE },
	{ 502, OUTCOME_THROTTLE },
	{ 503, OUTCOME_THROTTLE },
	{ 504, OUTCOME_THROTTLE },
};

static const struct {
	const char *text;
	enum outcome outcome; /* of TRANSPORT_OK: by the status instead */
} transports[] = {
	[TRANSPORT_OK] = { "ok", OUTCOME_RETRY },
	[TRANSPORT_TIMEOUT] = { "timeout", OUTCOME_RETRY },
	[TRANSPORT_RESOLVE] = { "resolve", OUTCOME_RETRY },
	[TRANSPORT_CONNECT] = { "connect", OUTCOME_RETRY },
	[TRANSPORT_TLS] = { "tls", OUTCOME_RETRY },
	[TRANSPORT_RESET] = { "reset", OUTCOME_RETRY },
	[TRANSPORT_PROTOCOL] = { "protocol", OUTCOME_RETRY },
	[TRANSPORT_BLOCKED] = { "blocked", OUTCOME_BLOCKED },
	/* The same delivery again, later or by another worker; no attempt is recorded. */
	[TRANSPORT_ABORTED] = { "aborted", OUTCOME_RETRY },
};

static const char *const outcomes[] = {
	[OUTCOME_DELIVERED] = "delivered",
	[OUTCOME_RETRY] = "retry",
	[OUTCOME_THROTTLE] = "throttle",
	[OUTCOME_GONE] = "gone",
	[OUTCOME_BLOCKED] = "blocked",
};

enum outcome
classify(int status, enum transport transport)
{
	assert((size_t)transport < ARRAY_LEN(transports));
	if (transport != TRANSPORT_OK)
		return transports[transport].outcome;
	if (status >= 200 && status <= 299)
		return OUTCOME_DELIVERED;
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (special[i].status == status)
			return special[i].outcome;
	return OUTCOME_RETRY;
}

const char *
outcome_to_text(enum outcome o)
{
	return outcomes[o];
}

const char *
transport_to_text(enum transport t)
{
	return transports[t].text;
}
