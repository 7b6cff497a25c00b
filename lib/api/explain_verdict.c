/* The rules of an explanation (explain_verdict.h), the first that fits: not matched, delivered,
 * given up for good, nothing tried although it is over, planned, parked, replayed, on its way,
 * failed.
 *
 * An endpoint is known as it is now, the match as it was: when the two disagree, the endpoint has
 * been changed since, and that is said. */
#include "api/explain_verdict.h"

#include <string.h>

static const char *
when(struct arena *a, struct wall t)
{
	char text[WALL_TEXT_SIZE];
	wall_to_text(t, text);
	/* Whole seconds are enough for people. */
	return arena_printf(a, "%.19sZ", text);
}

/* ---- the endpoint did not want it --------------------------------------------------------- */

static bool
lists(const struct str *list, int n, struct str name)
{
	for (int i = 0; i < n; i++)
		if (str_eq(list[i], name))
			return true;
	return false;
}

static bool
shares_channel(const struct standing *s)
{
	struct str rest = s->channels, channel;
	while (str_split(&rest, ',', &channel))
		if (lists(s->endpoint_channels, s->nchannels, channel))
			return true;
	return false;
}

static struct verdict
not_matched(const struct standing *s, struct arena *a)
{
	struct verdict v = { .state = "notMatched" };
	const char *since = "";
	if (s->updated.us > s->accepted.us)
		since = arena_printf(a, " It was changed since, at %s.", when(a, s->updated));
	if (s->created.us > s->accepted.us) {
		v.reason = "createdLater";
		v.because = arena_printf(a,
		    "The endpoint was created at %s, after the message was accepted.",
		    when(a, s->created));
	} else if (s->nevent_types && !lists(s->event_types, s->nevent_types, s->event_type)) {
		v.reason = "eventType";
		v.because = arena_printf(a, "The endpoint does not take the event type %.*s.%s",
		    STR_FMT(s->event_type), since);
	} else if (s->nchannels && !shares_channel(s)) {
		v.reason = "channel";
		v.because = arena_printf(a, "%s%s",
		    s->channels.p ? "The endpoint listens to other channels."
				  : "The endpoint listens to channels, and the message has none.",
		    since);
	} else if (s->disabled) {
		v.reason = "disabled";
		v.because = arena_printf(a, "The endpoint is disabled (%.*s).%s",
		    STR_FMT(s->disabled_reason.p ? s->disabled_reason : STR("by hand")), since);
	} else if (s->unverified) {
		v.reason = "unverified";
		v.because = arena_printf(a,
		    "The endpoint is not verified: its URL has not answered the challenge.%s",
		    since);
	} else {
		v.reason = "changedSince";
		v.because = arena_printf(a,
		    "The endpoint would get such a message now: it was disabled or filtered otherwise "
		    "when this one was accepted.%s",
		    since);
	}
	return v;
}

/* ---- it is over --------------------------------------------------------------------------- */

static struct verdict
delivered(const struct standing *s, struct arena *a)
{
	return (struct verdict){ .state = "delivered",
		.because = arena_printf(a, "Delivered at %s.", when(a, s->succeeded)) };
}

static struct verdict
dead(const struct standing *s, struct arena *a)
{
	static const char *const words[] = {
		[DEAD_EXHAUSTED] = "every attempt of its schedule failed",
		[DEAD_GONE] = "the endpoint answered 410 Gone",
		[DEAD_DISABLED] = "the endpoint is disabled",
		[DEAD_DELETED] = "the endpoint or its application is deleted",
		[DEAD_BLOCKED] = "its address is not allowed",
		[DEAD_EXPIRED] = "it had become too old",
		[DEAD_PAYLOAD] = "its payload is gone",
	};
	const char *next = s->payload_gone ? "It cannot be replayed: its payload is gone."
					   : "It stays a dead letter until it is replayed.";
	if (s->discarded.us)
		next = arena_printf(a, "Discarded at %s.", when(a, s->discarded));
	return (struct verdict){ .state = "deadLetter",
		.reason = dead_reason_to_text(s->dead_reason),
		.because = arena_printf(a, "Given up at %s: %s. %s", when(a, s->given_up_at),
		    words[s->dead_reason], next) };
}

/* The endpoint takes nothing more, and what is under way ends as a dead letter when its turn comes.
 */
static struct verdict
ended(const struct standing *s)
{
	if (s->deleted.us)
		return (struct verdict){ "failed", "deleted", { 0 },
			"The endpoint is deleted: nothing more is sent to it." };
	if (s->unverified && !s->disabled)
		return (struct verdict){ "failed", "unverified", { 0 },
			"The endpoint is not verified: nothing is sent to it, and what is due becomes a dead "
			"letter." };
	return (struct verdict){
		"failed", "disabled", { 0 },
		"The endpoint is disabled: nothing is sent to it, and what is due becomes a dead letter."
	};
}

/* ---- it is on its way --------------------------------------------------------------------- */

static const char *
last_answer(const struct standing *s, struct arena *a)
{
	if (s->last_status)
		return arena_printf(a, "the last answer was %lld", (long long)s->last_status);
	if (s->last_error.n)
		return arena_printf(a, "the last one ended with: %.*s", STR_FMT(s->last_error));
	return "the last one got no answer";
}

static struct verdict
planned(const struct standing *s, struct wall now, struct arena *a)
{
	struct verdict v = { .state = "retrying", .next = s->next };
	const char *tried = arena_printf(a, "%lld attempt%s failed, %s.", (long long)s->attempts,
	    s->attempts == 1 ? "" : "s", last_answer(s, a));
	if (s->next.us > now.us)
		v.because =
		    arena_printf(a, "%s The next one is due at %s.", tried, when(a, s->next));
	else
		v.because = arena_printf(a, "%s The next one is due since %s and about to be made.",
		    tried, when(a, s->next));
	return v;
}

static struct verdict
parked(const struct standing *s, struct arena *a)
{
	struct verdict v = { .state = "waiting" };
	if (s->paused || s->hold == HOLD_PAUSED) {
		v.reason = "paused";
		v.because =
		    "The endpoint is paused: what it is to get is kept until it is resumed.";
	} else if (s->hold == HOLD_OPEN) {
		v.reason = "breaker";
		v.next = s->probe;
		v.because =
		    s->probe.us
			? arena_printf(a,
			      "The endpoint keeps failing: its events wait, and one at a time is tried. "
			      "The next try is at %s; when one succeeds the others follow, oldest first.",
			      when(a, s->probe))
			: "The endpoint keeps failing: its events wait, and one at a time is tried.";
	} else if (s->waits_in_order) {
		v.reason = "order";
		v.because =
		    "It has its order: it goes out when the events before it have been delivered.";
	} else {
		v.reason = "draining";
		v.because = "The endpoint works again: what has waited goes out now, oldest first.";
	}
	return v;
}

static struct verdict
pending(const struct standing *s, struct wall now, struct arena *a)
{
	struct verdict v = { .state = "pending" };
	if (s->deliver_at.us > now.us) {
		v.state = "scheduled";
		v.next = s->deliver_at;
		v.because = arena_printf(a, "It is to be delivered at %s.", when(a, s->deliver_at));
	} else if (s->adrift) {
		v.reason = "adrift";
		v.because =
		    "The worker that had it is gone: another one takes it over within seconds.";
	} else if (s->throttle_rate) {
		v.reason = "throttle";
		v.because = arena_printf(a,
		    "Its first attempt is about to be made: the endpoint gets %lld a second at most.",
		    (long long)s->throttle_rate);
	} else {
		v.because = "Its first attempt is under way or about to be made.";
	}
	return v;
}

static struct verdict
replaying(const struct standing *s, struct arena *a)
{
	return (struct verdict){ .state = "pending",
		.reason = "replayed",
		.because =
		    arena_printf(a, "Replayed at %s: an attempt is under way or about to be made.",
			when(a, s->replayed)) };
}

static struct verdict
failed(const struct standing *s, struct arena *a)
{
	return (struct verdict){ .state = "failed",
		.because =
		    arena_printf(a, "%lld attempt%s failed, %s. Nothing is planned: resend it.",
			(long long)s->attempts, s->attempts == 1 ? "" : "s", last_answer(s, a)) };
}

struct verdict
explain_verdict(const struct standing *s, struct wall now, struct arena *a)
{
	bool over = s->deleted.us || s->disabled || s->unverified;
	bool replayed = s->given_up && s->replayed.us && !s->tried_since;
	if (s->succeeded.us)
		return delivered(s, a);
	if (!s->matched && !s->attempts)
		return not_matched(s, a);
	if (s->given_up && !replayed && !s->waits && !s->next.us)
		return dead(s, a);
	/* A pause goes on to hold what is parked for an endpoint that is disabled, too. */
	if (over && !(s->waits && s->paused && !s->deleted.us))
		return ended(s);
	if (s->waits && s->next.us <= now.us)
		return parked(s, a);
	if (s->next.us)
		return planned(s, now, a);
	if (replayed)
		return replaying(s, a);
	return s->attempts ? failed(s, a) : pending(s, now, a);
}
