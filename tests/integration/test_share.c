/* Work goes to the workers that have time (slot_share.c): who gets a lapsed slot, and how one that
 * is too much is given back. Nodes have no time here unless they rest (world.h). */
#include "base/metric.h"

#include "../support/world_tests.h"

#define MANY 400 /* deliveries: most of them wait while none of those under way is answered */

static int64_t
slot_int(int slot, const char *column)
{
	return db_int(&db, "select %s from slot where id = %d", column, slot);
}

static int64_t
owner_of(const struct node *n)
{
	return slot_int(node_slot(n), "owner");
}

static int64_t
epoch_of(int slot)
{
	return slot_int(slot, "epoch");
}

static void
post_many(struct node *n, int count)
{
	struct post *p = NULL;
	for (int i = 0; i < count; i++)
		post_send(n, p = post_new(n->world, "u", i));
	UNTIL(n->world, p->calls);
}

static struct node *
busy(struct world *w, const char *name)
{
	struct node *n = node_start(w, name, "lease=1s");
	UNTIL(w, loop_busy(n->loop) > 0.95);
	return n;
}

/* One that has time, and has said so. */
static struct node *
resting(struct world *w, const char *name)
{
	struct node *n = node_start(w, name, "lease=1s");
	n->rests = true;
	UNTIL(w, slot_int(node_slot(n), "spare::int"));
	return n;
}

static void
wait_beat(struct world *w, const struct node *n)
{
	int slot = node_slot(n);
	const char *lease = "(extract(epoch from lease_until) * 1000)::int8";
	int64_t before = slot_int(slot, lease);
	UNTIL(w, slot_int(slot, lease) != before);
}

/* A worker dies and leaves so many events; returns its slot. */
static int
dead_slot(struct world *w, int events)
{
	struct node *c = node_start(w, "c", "lease=1s");
	int slot = node_slot(c);
	if (events)
		post_many(c, events);
	node_lapse(c);
	node_kill(c);
	return slot;
}

static void
test_lapsed_slots_go_to_who_has_time(void **state)
{
	struct world *w = *state;
	struct node *a = busy(w, "a"), *b = resting(w, "b");
	wait_beat(w, a); /* it knows of b */
	for (int i = 0; i < 6; i++) {
		int slot = dead_slot(w, 0);
		int64_t epoch = epoch_of(slot);
		UNTIL(w, epoch_of(slot) > epoch);
		assert_int_equal(slot_int(slot, "owner"), owner_of(b));
	}
	assert_int_equal(slot_int(node_slot(a), "spare::int"), 0);
}

static void
test_without_such_they_are_taken_all_the_same(void **state)
{
	struct world *w = *state;
	struct node *a = busy(w, "a");
	int slot = dead_slot(w, 0);
	UNTIL(w, slot_int(slot, "owner") == owner_of(a));
	/* One that says it had time and takes nothing. */
	db_exec(&db, "update slot set owner = 1, spare = true, lease_until = 'infinity'"
		     " where id = (select min(id) from slot where owner is null)");
	wait_beat(w, a);
	slot = dead_slot(w, 0);
	int64_t epoch = epoch_of(slot);
	for (int beats = 0; beats < 3; beats++) {
		wait_beat(w, a);
		assert_int_equal(epoch_of(slot), epoch);
	}
	UNTIL(w, slot_int(slot, "owner") == owner_of(a));
}

/* What is under way stays with the one that began it, and the slot until then. */
static void
test_an_adopted_slot_is_given_back(void **state)
{
	struct world *w = *state;
	int64_t shed = metric_own(METRIC_SHED);
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = busy(w, "a");
	int slot = dead_slot(w, MANY);
	int by_the_dead = w->narrivals;
	int64_t epoch = epoch_of(slot) + 1;
	UNTIL(w, slot_int(slot, "owner") == owner_of(a) && w->narrivals > by_the_dead);
	struct node *b = resting(w, "b");
	UNTIL(w, metric_own(METRIC_SHED) == shed + 1);
	int under_way = w->narrivals;
	assert_in_range(under_way - by_the_dead, 1, MANY / 2);
	for (int beats = 0; beats < 3; beats++) {
		wait_beat(w, a);
		assert_int_equal(epoch_of(slot), epoch);
		assert_int_equal(slot_int(slot, "owner"), owner_of(a));
	}
	assert_int_equal(w->narrivals, under_way); /* it starts nothing more of it */
	assert_int_equal(passed(w), 0);
	w->any = &play_200;
	receiver_release(w->receiver, &play_200);
	UNTIL(w, epoch_of(slot) == epoch + 1);
	assert_int_equal(slot_int(slot, "owner"), owner_of(b));
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, by_the_dead + MANY); /* none twice */
	assert_int_equal(attempts(w, 0), MANY);
	assert_int_equal(epoch_of(slot), epoch + 1); /* and it does not wander */
}

/* The same while its messages are still being read, which the adopter goes on with. */
static void
test_one_that_is_not_read_yet_is_given_back(void **state)
{
	struct world *w = *state;
	int64_t shed = metric_own(METRIC_SHED);
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = busy(w, "a");
	int slot = dead_slot(w, MANY);
	int by_the_dead = w->narrivals;
	db_exec(&db, "begin; lock table retry in access exclusive mode"); /* recovery waits */
	UNTIL(w, slot_int(slot, "owner") == owner_of(a));
	struct node *b = resting(w, "b");
	UNTIL(w, metric_own(METRIC_SHED) == shed + 1 && slot_int(slot, "(owner is null)::int"));
	db_exec(&db, "commit");
	w->any = &play_200;
	UNTIL(w, slot_int(slot, "owner") == owner_of(b));
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, by_the_dead + MANY);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lapsed_slots_go_to_who_has_time),
		TEST(test_without_such_they_are_taken_all_the_same),
		TEST(test_an_adopted_slot_is_given_back),
		TEST(test_one_that_is_not_read_yet_is_given_back),
	};
	return RUN(tests);
}
