/* How often endpoints and applications with a throttleRate are sent something (ledger.h): in any
 * stretch of time no more than lib/policy/bucket.h promises of all workers together. */
#include "base/attr.h"

#include "agenda.h"
#include "ledger-internal.h"
#include "policy/bucket.h"
#include "trace.h"

#define BACK    (100 * USEC_PER_MS) /* so far a reservation may reach back */
#define TIMES_N 256

/* The last requests. */
struct times {
	int64_t n;
	usec_t at[TIMES_N];
};
static struct times times[ENDPOINTS_MAX + APPS_MAX];

static void
check(struct times *t, int rate, const char *what, int number)
{
	usec_t now = agenda_now();
	t->at[t->n++ % TIMES_N] = now;
	for (int64_t i = 1; i <= TIMES_N && i <= t->n; i++) {
		usec_t stretch = now - t->at[(t->n - i) % TIMES_N] + BACK + bucket_late(rate);
		if ((i - 1) * USEC_PER_SEC > rate * stretch)
			violation("%s%d is sent %lld requests in %lld us: its rate is %d", what,
			    number, (long long)i, (long long)(now - t->at[(t->n - i) % TIMES_N]),
			    rate);
	}
}

void
rate_check(int number)
{
	const struct endpoint_row *e = &db.endpoint[number];
	const struct app_row *app = app_find(e->app_id);
	int place = (int)(app - db.app);
	if (e->throttle_rate)
		check(&times[number], e->throttle_rate, "r", number);
	if (app->throttle_rate)
		check(&times[ENDPOINTS_MAX + place], app->throttle_rate, "application ", place);
}

void
rate_reset(void)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		times[i].n = 0;
}
