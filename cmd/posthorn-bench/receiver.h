/* The subscribers: takes the deliveries, checks and books them, answers by the script. */
#pragma once

#include <stdint.h>

#include "base/err.h"

#include "account.h"
#include "fleet.h"
#include "loop/loop.h"
#include "measure.h"
#include "options.h"
#include "payload.h"
#include "tls.h"

#define RECEIVER_URL_SIZE 512

struct receiver; /* opaque */

struct receiver_counts {
	int64_t verified, wrong; /* signatures */
	int64_t altered;         /* bodies that are not byte for byte what was posted */
	int64_t foreign;         /* requests that belong to nothing here */
	usec_t first, last;      /* when the first event came and the last; 0: none did */
	struct tls_counts tls;
};

/* All pointers are borrowed. Listens at once. */
struct receiver *receiver_new(struct loop *l, const struct options *o, const struct fleet *fleet,
    const struct payload *payload, struct account *account, struct measure *measure, struct err *e);
void receiver_free(struct receiver *r); /* NULL is allowed */

/* The URL of an endpoint, as the server has to know it. Returns out. */
const char *receiver_url(const struct receiver *r, int hook, char out[RECEIVER_URL_SIZE]);

void receiver_counts(const struct receiver *r, struct receiver_counts *ret);
