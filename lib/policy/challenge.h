/* Does the owner of a URL want our requests? Two ways to ask, and what answers them:
 *
 *     slack        POST {"type":"url_verification","challenge":"…"}. The answer repeats the
 *                  challenge: as it is, as a form (challenge=…), or as JSON ({"challenge":"…"})
 *     cloudevents  the abuse protection of HTTP 1.1 Web Hooks for Event Delivery (CloudEvents,
 *                  section 4): OPTIONS with WebHook-Request-Origin; the consent is a field of the
 *                  answer, never its status
 *
 * Pure: what is sent and when is lib/send/challenge.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum challenge_kind {
	CHALLENGE_NONE,
	CHALLENGE_SLACK,
	CHALLENGE_CLOUDEVENTS,
};

enum challenge_kind challenge_kind_parse(struct str name); /* what is none of them: _NONE */

#define CHALLENGE_TEXT_SIZE 44 /* of base64url(32 random bytes), and a NUL */

/* Whether a body, of any bytes, repeats the challenge: blanks and line ends around it do not count.
 * The challenge is of [A-Za-z0-9-_], so that no form needs to escape it. */
bool challenge_slack_answered(struct str body, struct str challenge);

struct challenge_consent {
	int status;
	struct str allowed_origin; /* WebHook-Allowed-Origin; {NULL, 0}: absent */
	struct str allowed_rate;   /* WebHook-Allowed-Rate; {NULL, 0}: absent */
};
/* NULL when that allows requests of this origin, and *ret_rate is how many a second (0: no limit).
 * Otherwise why not, a static text.
 *
 * Whoever answers with a redirect or with 5xx has not looked at the request: their fields do not
 * count. Any other status does not matter. A rate is told by the minute; one below 60 is less than
 * what can be kept. */
const char *challenge_cloudevents_refused(
    const struct challenge_consent *c, struct str origin, int *ret_rate);
