/* The rules of balance.h. Their margins are what a move must be worth: it costs the two workers
 * some 30 microseconds together, as much as one delivery, and the request a turn of its old
 * worker's loop. */
#include "policy/balance.h"

#define NEW_SLACK    4    /* connections above the fewest that a new one does not mind */
#define AHEAD_MARGIN 128  /* deliveries: milliseconds of work */
#define BUSY_MARGIN  0.10 /* the noise of the figure */

int
balance_new(const struct balance_load *w, int n, int turn)
{
	int fewest = -1;
	for (int i = 0; i < n; i++)
		if (w[i].open && (fewest < 0 || w[i].connections < w[fewest].connections))
			fewest = i;
	if (fewest < 0 || !w[turn].open)
		return fewest;
	return w[turn].connections > w[fewest].connections + NEW_SLACK ? fewest : turn;
}

/* Twice as many and some more: else the connection would be back soon. Another worker that is the
 * busier of the two has its own reasons to keep its queue short. */
int
balance_backlog(const struct balance_load *w, int n, int me)
{
	int to = -1;
	if (w[me].busy < BALANCE_BUSY)
		return -1;
	for (int i = 0; i < n; i++) {
		if (i == me || !w[i].open || w[i].busy > w[me].busy + BUSY_MARGIN)
			continue;
		if (w[me].ahead > 2 * w[i].ahead + AHEAD_MARGIN &&
		    (to < 0 || w[i].ahead < w[to].ahead))
			to = i;
	}
	return to;
}

/* Each such move makes the busier of the two less busy than it was, so a series of them comes to an
 * end. */
int
balance_busy(const struct balance_load *w, int n, int me, double share)
{
	int to = -1;
	double load = w[me].busy * share;
	if (w[me].busy < BALANCE_BUSY)
		return -1;
	for (int i = 0; i < n; i++)
		if (i != me && w[i].open && w[i].busy + load + BUSY_MARGIN < w[me].busy &&
		    (to < 0 || w[i].busy < w[to].busy))
			to = i;
	return to;
}
