/* The rules of balance.h. Their margins are what a move must be worth: it costs the two workers
 * some 10 microseconds together, less than one delivery. */
#include "policy/balance.h"

#define NEW_SLACK   4    /* connections above the fewest that a new one does not mind */
#define BUSY_MARGIN 0.10 /* the noise of the figure */
#define BUSIER_MAX  0.25 /* how much more a worker may be that has less ahead */

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

/* A quarter more and some: else the connection would be back soon. What is ahead may also be
 * stuck, with endpoints that do not answer; then it says nothing about work, and the worker that
 * has less of it gets no more than so much busier. */
int
balance_backlog(const struct balance_load *w, int n, int me)
{
	int to = -1;
	for (int i = 0; i < n; i++) {
		if (i == me || !w[i].open || w[i].busy > w[me].busy + BUSIER_MAX)
			continue;
		if (w[me].ahead > w[i].ahead + w[i].ahead / 4 + BALANCE_AHEAD &&
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
