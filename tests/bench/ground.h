/* What a part finds in the database: an application, an endpoint of it, and a slot that nobody else
 * takes. */
#pragma once

#include <stdint.h>

#include "loop/loop.h"
#include "pg/pg.h"

struct ground {
	int64_t app_id, endpoint_id;
	int64_t version; /* of the application in the catalogue */
	int slot;
	int64_t epoch;
};

/* Ends the program when it cannot. secret: of the endpoint, as text. */
void ground_make(struct ground *g, const char *database, const char *url, const char *secret);
/* How many rows of the table are the application's. */
int64_t ground_rows(const struct ground *g, const char *database, const char *table);
/* Gives the slot back and deletes the application, as the API does. */
void ground_clear(const struct ground *g, const char *database);

/* One connection, without limits. */
struct pg_pool *ground_pool(struct loop *l, const char *database, const char *name);
/* Turns the loop until it is connected. */
void ground_wait(struct loop *l, const struct pg_pool *p);
