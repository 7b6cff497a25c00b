/* The rules of window.h. A round trip ends with the first end of a request that started after the
 * round trip before it had ended, so a window of n is judged by about n ends. */
#include "policy/window.h"

#define NO_THRESHOLD  1e9
#define TROUBLE_SHARE 0.25 /* the newest round trip's weight in `trouble` */

void
window_init(struct window *w)
{
	*w = (struct window){ .size = WINDOW_START, .threshold = NO_THRESHOLD };
}

static void
shrink(struct window *w, double share)
{
	w->size *= 1 - share;
	if (w->size < 1)
		w->size = 1;
	/* It comes back to where it started as fast as it came there at first. */
	w->threshold = w->size > WINDOW_START ? w->size : WINDOW_START;
}

static void
grow(struct window *w, int cap)
{
	if (w->size * 2 <= w->threshold)
		w->size *= 2;
	else
		w->size++;
	if (w->size > cap)
		w->size = cap;
}

static void
round_begin(struct window *w, usec_t now)
{
	w->round = now;
	w->ended = w->troubled = 0;
	w->used = false;
}

static void
round_end(struct window *w, usec_t now, int cap)
{
	double share = (double)w->troubled / w->ended;
	w->trouble += (share - w->trouble) * TROUBLE_SHARE;
	if (w->troubled > 0)
		shrink(w, w->trouble / 2);
	if (w->used && w->troubled < w->ended)
		grow(w, cap);
	round_begin(w, now);
}

void
window_ended(struct window *w, enum window_end how, usec_t started, usec_t now, int cap)
{
	if (how == WINDOW_LOST) {
		if (started < w->cut)
			return;
		shrink(w, 0.5);
		w->cut = now;
		round_begin(w, now);
		return;
	}
	w->ended++;
	w->troubled += how == WINDOW_TROUBLE;
	if (started >= w->round)
		round_end(w, now, cap);
}
