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
set_size(struct window *w, double size)
{
	w->size = size > 1 ? size : 1;
	/* It comes back to where it started as fast as it came there at first. */
	w->threshold = size > WINDOW_START ? size : WINDOW_START;
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
round_end(struct window *w, usec_t now, int cap)
{
	double share = (double)w->troubled / w->ended;
	w->trouble += (share - w->trouble) * TROUBLE_SHARE;
	if (w->troubled > 0)
		set_size(w, w->size * (1 - w->trouble / 2));
	else if (w->used)
		grow(w, cap);
	w->round = now;
	w->ended = w->troubled = 0;
	w->used = false;
}

void
window_hang(struct window *w)
{
	set_size(w, w->size / 2);
}

void
window_ended(struct window *w, enum window_end how, usec_t started, usec_t now, int cap)
{
	if (how == WINDOW_LOST) {
		if (started < w->cut)
			return;
		window_hang(w);
		w->cut = w->round = now;
		w->ended = w->troubled = 0;
		w->used = false;
		return;
	}
	w->ended++;
	w->troubled += how == WINDOW_TROUBLE;
	if (started >= w->round)
		round_end(w, now, cap);
}
