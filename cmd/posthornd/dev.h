/* Development mode: a directory that holds everything a trial needs.
 *
 *     DIR/lock         held by the service that runs there
 *     DIR/jwt_secret   key of the bearer tokens, unless jwt_algorithm takes another
 *     DIR/token        a token of organisation DEV_ORG, for ten years
 *     DIR/postgres     the private PostgreSQL (cluster.h); a symbolic link when it lies elsewhere
 *     DIR/run          its socket's directory; the same
 *     DIR/postgres.log what it says */
#pragma once

#include "base/err.h"

#include "config/config.h"

#define DEV_ORG      "org_posthorn"
#define DEV_DIR_MAX  256 /* of DIR */
#define DEV_PATH_MAX 512 /* of the paths below it */

struct dev {
	char dir[DEV_DIR_MAX]; /* absolute, without symbolic links */
	int lock_fd;           /* to be closed in children, who would keep the lock */
	bool has_token;        /* DIR/token is there: with a public key alone it cannot be made */
};

/* What --dev changes of the defaults: loopback receivers are allowed, and half the cores work. */
void dev_defaults(struct config *c);

/* Makes DIR ready and locks it. `arg` is the value of --dev: "" for the default directory. Sets
 * jwt_secret and the other defaults in *c, writes DIR/token. ERR_CONFIG when DIR cannot be made or
 * written, ERR_UNAVAILABLE when another service runs there. */
int dev_open(struct dev *d, const char *arg, struct config *c, struct err *e) MUST_CHECK;
void dev_close(struct dev *d);

/* The key of a directory that a service has been started in before. */
int dev_load_secret(const char *arg, struct config *c, struct err *e) MUST_CHECK;
