/* Where the private PostgreSQL of --dev lives, and as whom it runs.
 *
 * PostgreSQL refuses to run as root, so for root its owner is the user "postgres", or "nobody" when
 * there is none; for everybody else it is they themselves. The owner must reach its files: when it
 * cannot pass through DIR (a directory of root's that is closed to others), the cluster is made
 * below CLUSTERS_DIR, and DIR/postgres is a symbolic link to it. The socket needs a short path of
 * plain letters besides; else it is put into a fresh directory below /tmp, and DIR/run is a link.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#include "dev.h"

struct cluster {
	char dir[DEV_DIR_MAX];   /* DIR of --dev */
	char bin[DEV_PATH_MAX];  /* of the programs initdb and postgres */
	char data[DEV_PATH_MAX]; /* the cluster, without symbolic links; "" before it is made */
	char run[DEV_PATH_MAX];  /* the socket's directory, the same */
	char log[DEV_PATH_MAX];  /* what PostgreSQL and initdb say */
	uid_t uid;               /* the owner */
	gid_t gid;
	bool foreign;   /* the owner is not the user of this process */
	char owner[64]; /* their names */
	char user[64];
};

/* Looks up the programs and the users; changes nothing. ERR_CONFIG when PostgreSQL is not installed
 * (in the version that an existing cluster needs). */
int cluster_find(struct cluster *c, const char *dir, struct err *e) MUST_CHECK;

/* Makes what is missing: the cluster with role and database "posthorn", and the socket's directory.
 */
int cluster_prepare(struct cluster *c, struct err *e) MUST_CHECK;
bool cluster_exists(const struct cluster *c);

/* Does any process of it live? */
bool cluster_is_running(const struct cluster *c);

/* Ends what a crash has left running in the cluster's directory. */
int cluster_quiesce(const struct cluster *c, struct err *e) MUST_CHECK;

/* Removes the socket's directory when it is one below /tmp; PostgreSQL must have ended. */
void cluster_leave(const struct cluster *c);

/* In a child: becomes the owner for good, with stdout and stderr in the log and stdin empty. Exits
 * when that fails. */
void cluster_become_owner(const struct cluster *c);

/* The last line of the log, for an error's text. */
void cluster_last_words(const struct cluster *c, char *out, size_t size);
