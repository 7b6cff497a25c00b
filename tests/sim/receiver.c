/* The receivers' scripts. */
#include "receiver.h"

#include <string.h>

#include "dice.h"

static enum receiver_kind kinds[RECEIVERS_MAX];
static bool healed, failed[RECEIVERS_MAX];

void
receivers_reset(void)
{
	memset(kinds, 0, sizeof(kinds));
	memset(failed, 0, sizeof(failed));
	healed = false;
}

void
receiver_set(int number, enum receiver_kind kind)
{
	kinds[number] = kind;
}

void
receivers_heal(void)
{
	healed = true;
}

enum receiver_kind
receiver_kind(int number)
{
	return kinds[number];
}

bool
receiver_was_well(int number)
{
	return kinds[number] == RECEIVER_GOOD && !failed[number];
}

void
receiver_failed(int number)
{
	failed[number] = true;
}

const char *
receiver_kind_name(int number)
{
	static const char *const names[] = { "good", "slow", "flaky", "down", "gone", "poison",
		"hopeless" };
	return names[kinds[number]];
}

static struct receiver_answer
trouble(usec_t timeout)
{
	static const struct receiver_answer troubles[] = {
		{ .status = 500 },
		{ .status = 404 },
		{ .status = 503 },
		{ .status = 429, .retry_after_s = 1 },
		{ .status = 429, .retry_after_s = 3 },
		{ .transport = TRANSPORT_RESET },
		{ .transport = TRANSPORT_CONNECT },
		{ .transport = TRANSPORT_TLS },
		{ .transport = TRANSPORT_TIMEOUT },
	};
	struct receiver_answer a =
	    troubles[dice(0, (int64_t)(sizeof(troubles) / sizeof(troubles[0])) - 1)];
	a.after = a.transport == TRANSPORT_TIMEOUT ? timeout : dice_skewed(100, 50 * USEC_PER_MS);
	return a;
}

struct receiver_answer
receiver_ask(int number, usec_t timeout)
{
	struct receiver_answer ok = { .status = dice_chance(900) ? 200 : 204,
		.after = dice_skewed(100, 20 * USEC_PER_MS) };
	enum receiver_kind kind = kinds[number];
	if (kind == RECEIVER_HOPELESS)
		return (struct receiver_answer){ .status = 500, .after = ok.after };
	if (healed || kind == RECEIVER_GOOD)
		return ok;
	switch (kind) {
	case RECEIVER_SLOW:
		ok.after = dice(ok.after, timeout * 5 / 4);
		if (ok.after < timeout)
			return ok;
		return (struct receiver_answer){ .transport = TRANSPORT_TIMEOUT, .after = timeout };
	case RECEIVER_FLAKY:
		return dice_chance(500) ? ok : trouble(timeout);
	case RECEIVER_DOWN:
		return trouble(timeout);
	case RECEIVER_GONE:
		return dice_chance(700)
			   ? ok
			   : (struct receiver_answer){ .status = 410, .after = ok.after };
	case RECEIVER_POISON:
		return dice_chance(500) ? ok
					: (struct receiver_answer){
						  .status = 500, .poison = true, .after = ok.after
					  };
	default:
		return ok;
	}
}
