/* The step of the tasks that send an endpoint messages again, or for the first time, by itself
 * (task_endpoint_step.sql): its bounds, what it counts, what it leaves alone, and that of two tasks
 * one starts a delivery. */
#include <string.h>

#include "base/attr.h"

#include "../support/task_stand.h"
#include "../unit/unit.h"
#include "statements.h"

#define LOOKS_MAX 3000 /* of 10 ms each */

/* enum replay_which, as the statement knows it. */
#define RECOVER "0"
#define BULK    "1"
#define MISSING "2"

static struct db db;
static struct stand s;

/* ---- what there is ------------------------------------------------------------------------ */

/* A step that goes on where the task stands. */
static struct step
usual(const char *which)
{
	static char endpoint[32];
	snprintf(endpoint, sizeof(endpoint), "%lld", (long long)s.endpoint_id);
	return (
	    struct step){ .cursor = -1, .own = { endpoint, which }, .nown = 7, .delivers = true };
}

static struct stepped
run(const struct step *step)
{
	return stand_step(&s, &stmt_task_endpoint_step, step);
}

static int
planned(void)
{
	return (int)db_int(&db, "select count(*) from retry");
}

static const char *
task(int64_t id)
{
	return db_text(&db,
	    "select status || ' ' || done || '+' || failed || '/' || total from task where id = %lld",
	    (long long)id);
}

static int64_t
message(int i)
{
	return stand_message_id(&s, i);
}

/* ---- bounds ------------------------------------------------------------------------------- */

static void
test_a_step_delivers_so_many_and_goes_on_behind_them(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 7);
	stand_attempt(&s, 0, 7, false, 0);
	step.rows = 3;
	struct stepped at = run(&step);
	assert_true(at.ours && !at.finished && at.planned == 3 && at.cursor == message(2));
	assert_string_equal(task(s.task_id), "running 3+0/3");
	at = run(&step);
	assert_true(at.ours && !at.finished && at.planned == 3 && at.cursor == message(5));
	at = run(&step);
	assert_true(at.ours && at.finished && at.planned == 1 && at.cursor == message(6));
	assert_string_equal(task(s.task_id), "finished 7+0/7");
	assert_int_equal(db_int(&db,
			     "select count(distinct msg_id) from retry where chain = %lld"
			     " and slot = %d and seq = 0 and trigger = 2 and endpoint_id = %lld",
			     (long long)s.task_id, STAND_SLOT, (long long)s.endpoint_id),
	    7);
}

static void
test_a_step_looks_at_so_many(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 9);
	stand_attempt(&s, 0, 8, true, 0);
	stand_attempt(&s, 8, 1, false, 0);
	step.look = 4;
	struct stepped at = run(&step);
	assert_true(!at.finished && at.planned == 0 && at.cursor == message(3));
	at = run(&step);
	assert_true(!at.finished && at.planned == 0 && at.cursor == message(7));
	at = run(&step);
	assert_true(at.finished && at.planned == 1 && at.cursor == message(8));
}

static void
test_a_stretch_begins_behind_its_cursor_and_ends_below(void **state)
{
	struct step step = usual(BULK);
	(void)state;
	stand_store(&s, 0, 6);
	stand_attempt(&s, 0, 6, true, 0);
	s.task_id = stand_task(&s, message(1));
	step.below = message(4);
	assert_int_equal(run(&step).planned, 2);
	assert_string_equal(
	    db_text(&db, "select string_agg(msg_id::text, ' ' order by msg_id) from retry"),
	    db_text(
		&db, "select %lld || ' ' || %lld", (long long)message(2), (long long)message(3)));
}

static void
test_an_empty_stretch_ends_where_it_began(void **state)
{
	struct step step = usual(MISSING);
	(void)state;
	stand_store(&s, 0, 2);
	step.below = s.first;
	struct stepped at = run(&step);
	assert_true(at.ours && at.finished && at.planned == 0 && at.cursor == s.first - 1);
	assert_string_equal(task(s.task_id), "finished 0+0/0");
}

/* Paused for a week, while the messages that it stood before went with their partitions. */
static void
test_what_retention_took_is_passed_over(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 10);
	stand_attempt(&s, 0, 10, false, 0);
	step.rows = 2;
	assert_int_equal(run(&step).cursor, message(1));
	db_exec(&db, "delete from attempt where msg_id < %lld", (long long)message(7));
	db_exec(&db, "delete from message where id < %lld", (long long)message(7));
	assert_int_equal(run(&step).cursor, message(8));
	struct stepped at = run(&step);
	assert_true(at.finished && at.planned == 1);
	assert_string_equal(task(s.task_id), "finished 5+0/5");
}

/* ---- whose step it is --------------------------------------------------------------------- */

static void
check_nothing_is_done(const struct step *step)
{
	char before[128];
	snprintf(before, sizeof(before), "%s", task(s.task_id));
	assert_false(run(step).ours);
	assert_int_equal(planned(), 0);
	assert_int_equal(db_int(&db, "select count(*) from replayed"), 0);
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where replayed_at is null"), 3);
	assert_string_equal(task(s.task_id), before);
}

static void
test_who_lost_the_task_or_the_slot_writes_nothing(void **state)
{
	struct step step = usual(RECOVER), other;
	(void)state;
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	stand_letter(&s, 0, 3);
	other = step;
	other.owner = STAND_OWNER + 1;
	check_nothing_is_done(&other);
	other = step;
	other.epoch = STAND_EPOCH - 1;
	check_nothing_is_done(&other);
	other = step;
	other.cursor = message(0);
	check_nothing_is_done(&other);
	db_exec(&db, "update slot set owner = null where id = %d", STAND_SLOT);
	check_nothing_is_done(&step);
	db_exec(&db, "update slot set owner = 1 where id = %d", STAND_SLOT);
	db_exec(&db, "update task set status = 'canceled'");
	check_nothing_is_done(&step);
	db_exec(&db, "update task set status = 'paused'");
	check_nothing_is_done(&step);
	db_exec(&db, "update task set status = 'running'");
	assert_int_equal(run(&step).planned, 3);
}

static void
test_a_step_that_was_undone_is_done_again_and_only_once(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	stand_letter(&s, 0, 3);
	step.rows = 2;
	step.cursor = s.first - 1;
	db_exec(&db, "begin");
	assert_int_equal(run(&step).planned, 2);
	db_exec(&db, "rollback");
	assert_int_equal(planned(), 0);
	assert_int_equal(run(&step).planned, 2);
	/* Its answer was lost: whoever sends it again finds the task elsewhere. */
	assert_false(run(&step).ours);
	assert_int_equal(planned(), 2);
	assert_string_equal(task(s.task_id), "running 2+0/2");
}

static void
test_paused_between_steps(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 4);
	stand_attempt(&s, 0, 4, false, 0);
	step.rows = 2;
	run(&step);
	db_exec(&db, "update task set status = 'paused', owner = null");
	assert_false(run(&step).ours);
	db_exec(&db, "update task set status = 'running'");
	assert_false(run(&step).ours); /* it is to be claimed first */
	db_exec(&db, "update task set owner = 78");
	step.owner = 78;
	struct stepped at = run(&step);
	assert_true(at.planned == 2 && at.cursor == message(3));
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from retry"), 4);
}

/* ---- what cannot be delivered ------------------------------------------------------------- */

static void
test_payloads_that_are_gone_count_as_failed(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	stand_letter(&s, 0, 3);
	db_exec(&db, "update message set payload = null where id = %lld", (long long)message(0));
	db_exec(&db,
	    "update message set extra = row(null, null, now() - interval '1 second')::message_extra"
	    " where id = %lld",
	    (long long)message(1));
	assert_int_equal(run(&step).planned, 1);
	assert_string_equal(task(s.task_id), "finished 1+2/3");
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where replayed_at is not null"), 1);
	assert_int_equal(db_int(&db, "select msg_id from retry"), message(2));
}

static void
test_an_endpoint_that_is_not_live_fails_the_task(void **state)
{
	static const struct {
		const char *away, *back;
	} ways[] = {
		{ "update endpoint set disabled = true", "update endpoint set disabled = false" },
		{ "update endpoint set deleted_at = now()",
		    "update endpoint set deleted_at = null" },
		{ "update app set deleted_at = now()", "update app set deleted_at = null" },
		{ "update app set org = 'other'", "update app set org = 'org'" },
	};
	static const char *const kinds[] = { RECOVER, BULK, MISSING };
	(void)state;
	stand_store(&s, 0, 2);
	stand_attempt(&s, 0, 2, false, 0);
	stand_letter(&s, 0, 2);
	for (size_t i = 0; i < ARRAY_LEN(ways) * ARRAY_LEN(kinds); i++) {
		struct step step = usual(kinds[i % ARRAY_LEN(kinds)]);
		s.task_id = stand_task(&s, s.first - 1);
		db_exec(&db, "%s", ways[i / ARRAY_LEN(kinds)].away);
		struct stepped at = run(&step);
		assert_true(at.ours && at.finished && at.planned == 0);
		assert_string_equal(
		    db_text(&db, "select status from task where id = %lld", (long long)s.task_id),
		    "failed");
		assert_false(run(&step).ours);
		db_exec(&db, "%s", ways[i / ARRAY_LEN(kinds)].back);
	}
	assert_int_equal(planned(), 0);
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where replayed_at is null"), 2);
}

static void
test_only_open_dead_letters_are_replayed(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	stand_letter(&s, 0, 3);
	db_exec(&db,
	    "update dead_letter set discarded_at = now(), discarded_by = 'you' where id = %lld",
	    (long long)stand_letter_id(&s, 0));
	db_exec(&db, "update dead_letter set endpoint_id = 1 where id = %lld",
	    (long long)stand_letter_id(&s, 1));
	assert_int_equal(run(&step).planned, 3);
	assert_int_equal(db_int(&db, "select id from dead_letter where replayed_by = 'me'"),
	    stand_letter_id(&s, 2));
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where replayed_at is not null"), 1);
}

/* ---- two tasks ---------------------------------------------------------------------------- */

/* Another task over the same stretch takes a step: how many it starts. */
static int
another(const char *which)
{
	struct step step = usual(which);
	step.task_id = stand_task(&s, s.first - 1);
	struct stepped at = run(&step);
	assert_true(at.ours && at.finished);
	return at.planned;
}

static void
test_what_is_started_and_not_attempted_is_left_to_that(void **state)
{
	static const char *const kinds[] = { RECOVER, BULK, MISSING };
	struct step step = usual(MISSING);
	(void)state;
	stand_store_untargeted(&s, 0, 3);
	stand_store(&s, 3, 3);
	stand_attempt(&s, 3, 3, false, 0);
	assert_int_equal(run(&step).planned, 3);
	assert_int_equal(another(RECOVER), 3);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_int_equal(another(kinds[i]), 0);
	assert_int_equal(planned(), 6);
}

static void
test_once_it_was_attempted_the_next_may_start_it_again(void **state)
{
	struct step step = usual(RECOVER);
	(void)state;
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	assert_int_equal(run(&step).planned, 3);
	stand_attempt(&s, 0, 2, false, s.task_id);
	stand_attempt(&s, 2, 1, true, s.task_id);
	assert_int_equal(another(RECOVER), 2);
	assert_int_equal(another(RECOVER), 0);
	assert_int_equal(another(BULK), 1);
}

/* Started, and given up without an attempt: its endpoint was disabled when its turn came. */
static void
test_what_was_given_up_without_an_attempt_is_missing_again(void **state)
{
	struct step step = usual(MISSING);
	(void)state;
	stand_store_untargeted(&s, 0, 2);
	assert_int_equal(run(&step).planned, 2);
	stand_letter(&s, 0, 1);
	db_exec(&db, "update dead_letter set chain = %lld", (long long)s.task_id);
	assert_int_equal(another(MISSING), 1);
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where replayed_at is null"), 0);
}

static void
test_another_endpoint_is_another_matter(void **state)
{
	struct step step = usual(MISSING);
	(void)state;
	stand_store_untargeted(&s, 0, 2);
	assert_int_equal(run(&step).planned, 2);
	s.endpoint_id = db_endpoint(&db, s.app_id, "http://127.0.0.1/other");
	assert_int_equal(another(MISSING), 2);
}

/* ---- at the same moment ------------------------------------------------------------------- */

static PGconn *
second_connection(void)
{
	struct err e;
	PGconn *c = pg_connect_sync(db_url(&db), &e);
	if (!c)
		fail_msg("%s", e.text);
	return c;
}

static void
quietly(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(r));
	PQclear(r);
}

static void
wait_until_it_waits(PGconn *c)
{
	for (int i = 0; i < LOOKS_MAX; i++)
		if (db_int(&db,
			"select count(*) from pg_stat_activity, pg_sleep(0.01)"
			" where wait_event_type = 'Lock' and pid = %d",
			PQbackendPID(c)))
			return;
	fail_msg("it does not wait");
}

static void
turn(PGconn *c)
{
	char endpoint[32];
	const char *value = endpoint;
	snprintf(endpoint, sizeof(endpoint), "%lld", (long long)s.endpoint_id);
	assert_int_equal(
	    PQsendQueryParams(c, stmt_replay_turn.sql, 1, NULL, &value, NULL, NULL, 0), 1);
}

/* The runner's transaction is the turn, and in the next statement the step. */
static void
test_two_steps_at_once_take_turns(void **state)
{
	struct step step = usual(MISSING), second = step;
	(void)state;
	PGconn *c = second_connection();
	stand_store_untargeted(&s, 0, 5);
	second.task_id = stand_task(&s, s.first - 1);
	db_exec(&db, "begin");
	turn(db.sql);
	stand_answer(db.sql, "turn");
	assert_int_equal(run(&step).planned, 5);
	quietly(c, "begin");
	turn(c);
	wait_until_it_waits(c);
	db_exec(&db, "commit");
	stand_answer(c, "turn");
	stand_send(c, &s, &stmt_task_endpoint_step, &second);
	struct stepped at = stand_answer(c, "step");
	quietly(c, "commit");
	assert_true(at.finished && at.planned == 0);
	assert_string_equal(task(second.task_id), "finished 0+0/0");
	assert_int_equal(planned(), 5);
	PQfinish(c);
}

/* Turns are an endpoint's: a dead letter that is replayed by hand takes none, but its row does. */
static void
test_a_dead_letter_that_is_replayed_at_this_moment(void **state)
{
	struct step step = usual(RECOVER);
	char letter[32], app[32], slot[8], epoch[8];
	const char *values[] = { "org", app, NULL, letter, slot, epoch, "now", "you" };
	(void)state;
	PGconn *c = second_connection();
	stand_store(&s, 0, 3);
	stand_attempt(&s, 0, 3, false, 0);
	stand_letter(&s, 0, 3);
	snprintf(app, sizeof(app), "%lld", (long long)s.app_id);
	snprintf(letter, sizeof(letter), "%lld", (long long)stand_letter_id(&s, 1));
	snprintf(slot, sizeof(slot), "%d", STAND_SLOT);
	snprintf(epoch, sizeof(epoch), "%d", STAND_EPOCH);
	db_exec(&db, "begin");
	PGresult *r = PQexecParams(db.sql, stmt_dead_letter_replay.sql,
	    stmt_dead_letter_replay.nparams, NULL, values, NULL, NULL, 0);
	assert_string_equal(PQgetvalue(r, 0, 9), "t");
	PQclear(r);
	stand_send(c, &s, &stmt_task_endpoint_step, &step);
	wait_until_it_waits(c);
	db_exec(&db, "commit");
	assert_int_equal(stand_answer(c, "step").planned, 2);
	assert_string_equal(task(s.task_id), "finished 2+0/2");
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from retry"), 3);
	assert_int_equal(planned(), 3);
	/* And while it is under way it is left alone. */
	assert_int_equal(another(RECOVER), 0);
	PQfinish(c);
}

/* ---- the program -------------------------------------------------------------------------- */

static int
each_set_up(void **state)
{
	(void)state;
	stand_set_up(&s, &db);
	return 0;
}

static int
group_set_up(void **state)
{
	(void)state;
	db_start(&db);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_a_step_delivers_so_many_and_goes_on_behind_them, each_set_up),
		cmocka_unit_test_setup(test_a_step_looks_at_so_many, each_set_up),
		cmocka_unit_test_setup(
		    test_a_stretch_begins_behind_its_cursor_and_ends_below, each_set_up),
		cmocka_unit_test_setup(test_an_empty_stretch_ends_where_it_began, each_set_up),
		cmocka_unit_test_setup(test_what_retention_took_is_passed_over, each_set_up),
		cmocka_unit_test_setup(
		    test_who_lost_the_task_or_the_slot_writes_nothing, each_set_up),
		cmocka_unit_test_setup(
		    test_a_step_that_was_undone_is_done_again_and_only_once, each_set_up),
		cmocka_unit_test_setup(test_paused_between_steps, each_set_up),
		cmocka_unit_test_setup(test_payloads_that_are_gone_count_as_failed, each_set_up),
		cmocka_unit_test_setup(
		    test_an_endpoint_that_is_not_live_fails_the_task, each_set_up),
		cmocka_unit_test_setup(test_only_open_dead_letters_are_replayed, each_set_up),
		cmocka_unit_test_setup(
		    test_what_is_started_and_not_attempted_is_left_to_that, each_set_up),
		cmocka_unit_test_setup(
		    test_once_it_was_attempted_the_next_may_start_it_again, each_set_up),
		cmocka_unit_test_setup(
		    test_what_was_given_up_without_an_attempt_is_missing_again, each_set_up),
		cmocka_unit_test_setup(test_another_endpoint_is_another_matter, each_set_up),
		cmocka_unit_test_setup(test_two_steps_at_once_take_turns, each_set_up),
		cmocka_unit_test_setup(
		    test_a_dead_letter_that_is_replayed_at_this_moment, each_set_up),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
