/* What the API works with: made once by the program, borrowed by every call. */
#pragma once

#include "config/config.h"
#include "ingest/ingest.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "policy/token_key.h"
#include "send/sender.h"
#include "store/catalogue.h"

struct rest_parts {
	struct loop *loop;
	const struct config *config;
	const struct token_key *token_key; /* of bearer tokens */
	struct pg_pool *pool;              /* requests of the API */
	struct pg_pool *read_pool;         /* a replica's, for lists of the log; NULL: none */
	struct catalogue *catalogue;
	struct sender *sender;
	struct ingest *ingest;
	struct task_runner *tasks; /* NULL: none here */
	/* api_new makes these: */
	struct auth *auth;             /* what is remembered of tokens */
	struct event_schemas *schemas; /* NULL: payloads are not checked */
};
