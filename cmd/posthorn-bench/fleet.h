/* The applications of a run and their endpoints (hooks), numbered through: endpoint e of
 * application a is hook a * endpoints + e. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"

#include "behaviour.h"
#include "policy/sign.h"
#include "request.h"

#define FLEET_HOOKS_MAX 200000
#define FLEET_ID_SIZE   80

struct fleet_app {
	char id[FLEET_ID_SIZE]; /* the server's; "": not created */
	struct request request; /* that posts an event to it */
};

struct hook {
	int rule; /* of the mix */
	struct sign_secret secret;
	struct sign_key *key; /* owned; of the secret */
};

struct fleet {
	struct mix mix;
	int napps;
	int endpoints; /* of each application */
	int nhooks;
	struct fleet_app *app;
	struct hook *hook;
	bool *takes_all; /* by hook, for the account */
};

/* Makes up the secrets and deals out the rules. ERR_USAGE for a bad mix or too many endpoints. */
int fleet_init(
    struct fleet *f, int64_t apps, int64_t endpoints, const char *mix, struct err *e) MUST_CHECK;
void fleet_done(struct fleet *f);

const struct rule *fleet_rule(const struct fleet *f, int hook);
