/* Reading the answers to ownership challenges (challenge.h). */
#include "policy/challenge.h"

#include <jansson.h>
#include <stdint.h>

#define PER_MINUTE       60
#define RATE_MAX         65535 /* a second, as of throttleRate: beyond it there is no limit */
#define RATE_PER_MIN_MAX INT32_MAX

enum challenge_kind
challenge_kind_parse(struct str name)
{
	if (str_eq(name, STR("slack")))
		return CHALLENGE_SLACK;
	return str_eq(name, STR("cloudevents")) ? CHALLENGE_CLOUDEVENTS : CHALLENGE_NONE;
}

/* ---- slack -------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str
trim(struct str s)
{
	while (s.n && is_blank(s.p[0]))
		s = (struct str){ s.p + 1, s.n - 1 };
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool
form_answers(struct str body, struct str challenge)
{
	const struct str key = STR("challenge=");
	return str_starts(body, key) &&
	       str_eq((struct str){ body.p + key.n, body.n - key.n }, challenge);
}

static bool
json_answers(struct str body, struct str challenge)
{
	json_t *object = body.n && body.p[0] == '{' ? json_loadb(body.p, body.n, 0, NULL) : NULL;
	const json_t *told = json_object_get(object, "challenge");
	bool answers =
	    json_is_string(told) &&
	    str_eq((struct str){ json_string_value(told), json_string_length(told) }, challenge);
	json_decref(object);
	return answers;
}

bool
challenge_slack_answered(struct str body, struct str challenge)
{
	body = trim(body);
	return str_eq(body, challenge) || form_answers(body, challenge) ||
	       json_answers(body, challenge);
}

/* ---- CloudEvents -------------------------------------------------------------------------- */

static const char *
read_rate(struct str field, int *ret_rate)
{
	int64_t per_minute;
	*ret_rate = 0;
	if (!field.p || str_eq(field, STR("*")))
		return NULL;
	if (str_to_i64(field, 0, RATE_PER_MIN_MAX, &per_minute))
		return "WebHook-Allowed-Rate is neither a number nor *";
	if (per_minute < PER_MINUTE)
		return "WebHook-Allowed-Rate is less than 60 a minute";
	if (per_minute / PER_MINUTE <= RATE_MAX)
		*ret_rate = (int)(per_minute / PER_MINUTE);
	return NULL;
}

const char *
challenge_cloudevents_refused(const struct challenge_consent *c, struct str origin, int *ret_rate)
{
	if (c->status >= 500 || (c->status >= 300 && c->status < 400))
		return "no consent is read from a redirect or a 5xx answer";
	if (!c->allowed_origin.p)
		return "the answer has no WebHook-Allowed-Origin";
	if (!str_eq(c->allowed_origin, STR("*")) && !str_eq_nocase(c->allowed_origin, origin))
		return "WebHook-Allowed-Origin allows another origin";
	return read_rate(c->allowed_rate, ret_rate);
}
