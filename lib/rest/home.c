/* The home slot, from a call's side (home.h). */
#include "rest/home.h"

bool
home_get(const struct sender *s, struct wall now, struct home *ret)
{
	int slot;
	if (!sender_home(s, &slot, &ret->epoch))
		return false;
	ret->slot = (int16_t)slot;
	ret->due = now;
	return true;
}

int
call_home(struct call *c, struct home *ret)
{
	if (home_get(c->parts->sender, loop_wall(c->parts->loop), ret))
		return 0;
	call_fail_with(c, ERR_UNAVAILABLE, "this worker is starting or has lost its lease");
	return -1;
}

void
home_replay(struct sender *s, const struct home *h, int64_t app_id, int64_t msg_id,
    int64_t endpoint_id, int64_t chain, enum trigger trigger)
{
	if (sender_mine(s, h->slot, h->epoch))
		sender_replay(s, h->due, app_id, msg_id, endpoint_id, chain, trigger);
}

void
home_doubt(struct sender *s, const struct home *h)
{
	if (sender_mine(s, h->slot, h->epoch))
		sender_replay_doubt(s, h->due);
}

struct pg_args *
home_fence_args(struct arena *arena, const struct home *h)
{
	struct pg_args *a = arena_alloc(arena, sizeof(*a));
	struct buf *out = arena_alloc(arena, sizeof(*out));
	struct pg_array slots;
	pg_args_init(a, arena);
	buf_init(out, 64);
	arena_own(arena, out, (void (*)(void *))buf_free);
	pg_array_begin(&slots, out, PG_INT2);
	pg_array_int2(&slots, h->slot);
	pg_array_end(&slots, a);
	return a;
}
