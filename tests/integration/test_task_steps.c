/* The steps of the other tasks by themselves: dead letters that are replayed or closed, payloads
 * that are forgotten, applications that are counted. */
#include "base/attr.h"

#include "../support/task_stand.h"
#include "../unit/unit.h"
#include "statements.h"

static struct db db;
static struct stand s;

static const char *
task(int64_t id)
{
	return db_text(&db,
	    "select status || ' ' || done || '+' || failed || '/' || total from task where id = %lld",
	    (long long)id);
}

static int
open_letters(void)
{
	return (int)db_int(&db, "select count(*) from dead_letter"
				" where replayed_at is null and discarded_at is null");
}

/* ---- dead letters ------------------------------------------------------------------------- */

/* Of an organisation, without a filter. */
static struct step
letters(bool delivers)
{
	return (struct step){ .cursor = -1, .app_id = -1, .nown = 5, .delivers = delivers };
}

static void
test_letters_are_replayed_step_by_step(void **state)
{
	struct step step = letters(true);
	(void)state;
	stand_store(&s, 0, 5);
	stand_letter(&s, 0, 5);
	db_exec(&db, "update task set total = 5");
	step.rows = 2;
	struct stepped at = stand_step(&s, &stmt_task_replay_step, &step);
	assert_true(!at.finished && at.planned == 2 && at.cursor == stand_letter_id(&s, 1));
	step.below = stand_letter_id(&s, 4);
	stand_step(&s, &stmt_task_replay_step, &step);
	at = stand_step(&s, &stmt_task_replay_step, &step);
	assert_true(at.finished && at.planned == 0);
	assert_string_equal(task(s.task_id), "finished 4+0/4");
	assert_int_equal(open_letters(), 1);
	assert_int_equal(db_int(&db, "select count(*) from retry r join dead_letter d"
				     " on d.id = r.chain and d.msg_id = r.msg_id"),
	    4);
	assert_int_equal(db_int(&db, "select count(*) from replayed"), 4);
}

static void
test_letters_that_cannot_be_delivered_stay_open(void **state)
{
	static const char *const harms[] = { "update endpoint set disabled = true",
		"update endpoint set disabled = false, deleted_at = now()",
		"update endpoint set deleted_at = null; update app set deleted_at = now()",
		"update app set deleted_at = null; update message set payload = null" };
	struct step step = letters(true);
	(void)state;
	stand_store(&s, 0, 3);
	stand_letter(&s, 0, 3);
	for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
		db_exec(&db, "%s", harms[i]);
		s.task_id = stand_task(&s, s.first - 1);
		struct stepped at = stand_step(&s, &stmt_task_replay_step, &step);
		assert_true(at.finished && at.planned == 0);
		assert_string_equal(task(s.task_id), "finished 0+3/3");
	}
	assert_int_equal(open_letters(), 3);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 0);
}

/* What somebody else has replayed or closed meanwhile is neither done nor failed. */
static void
test_letters_count_once(void **state)
{
	struct step replay = letters(true), discard = letters(false);
	(void)state;
	stand_store(&s, 0, 4);
	stand_letter(&s, 0, 4);
	db_exec(&db, "update task set total = 4");
	replay.rows = 2;
	stand_step(&s, &stmt_task_replay_step, &replay);
	int64_t other = stand_task(&s, s.first - 1);
	db_exec(&db, "update task set total = 4 where id = %lld", (long long)other);
	discard.task_id = other;
	struct stepped at = stand_step(&s, &stmt_task_discard_step, &discard);
	assert_true(at.ours && at.finished);
	assert_string_equal(task(other), "finished 2+0/2");
	stand_step(&s, &stmt_task_replay_step, &replay);
	assert_string_equal(task(s.task_id), "finished 2+0/2");
	assert_int_equal(open_letters(), 0);
}

static void
test_letters_of_whoever_lost_the_task_stay(void **state)
{
	struct step replay = letters(true), discard = letters(false);
	(void)state;
	stand_store(&s, 0, 2);
	stand_letter(&s, 0, 2);
	replay.epoch = STAND_EPOCH + 1;
	assert_false(stand_step(&s, &stmt_task_replay_step, &replay).ours);
	replay.epoch = 0;
	replay.owner = discard.owner = STAND_OWNER + 1;
	assert_false(stand_step(&s, &stmt_task_replay_step, &replay).ours);
	assert_false(stand_step(&s, &stmt_task_discard_step, &discard).ours);
	replay.owner = discard.owner = 0;
	db_exec(&db, "update task set status = 'paused'");
	assert_false(stand_step(&s, &stmt_task_replay_step, &replay).ours);
	assert_false(stand_step(&s, &stmt_task_discard_step, &discard).ours);
	assert_int_equal(open_letters(), 2);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 0);
	assert_string_equal(task(s.task_id), "paused 0+0/0");
}

static void
test_letters_that_a_filter_selects(void **state)
{
	struct step step = letters(false);
	(void)state;
	stand_store(&s, 0, 6);
	stand_letter(&s, 0, 6);
	db_exec(&db, "update dead_letter set reason = 2 where id = %lld",
	    (long long)stand_letter_id(&s, 5));
	step.own[3] = "2";
	step.look = 3;
	struct stepped at = stand_step(&s, &stmt_task_discard_step, &step);
	assert_true(!at.finished && at.cursor == stand_letter_id(&s, 2));
	at = stand_step(&s, &stmt_task_discard_step, &step);
	assert_true(!at.finished && at.cursor == stand_letter_id(&s, 5));
	at = stand_step(&s, &stmt_task_discard_step, &step);
	assert_true(at.finished);
	assert_string_equal(task(s.task_id), "finished 1+0/1");
	assert_int_equal(open_letters(), 5);
}

/* ---- payloads ----------------------------------------------------------------------------- */

static struct step
payloads(void)
{
	return (struct step){ .cursor = -1 };
}

static int
kept(void)
{
	return (int)db_int(&db, "select count(*) from message where payload is not null");
}

static void
test_payloads_are_forgotten_step_by_step(void **state)
{
	struct step step = payloads();
	(void)state;
	stand_store(&s, 0, 6);
	db_exec(&db, "update message set payload = null where id = %lld",
	    (long long)stand_message_id(&s, 1));
	step.rows = 2;
	step.below = stand_message_id(&s, 4) + 1;
	struct stepped at = stand_step(&s, &stmt_task_expunge_step, &step);
	assert_true(!at.finished && at.cursor == stand_message_id(&s, 2));
	assert_int_equal(kept(), 3);
	step.cursor = s.first - 1; /* again, with the old mark */
	assert_false(stand_step(&s, &stmt_task_expunge_step, &step).ours);
	step.cursor = -1;
	stand_step(&s, &stmt_task_expunge_step, &step);
	at = stand_step(&s, &stmt_task_expunge_step, &step);
	assert_true(at.finished);
	assert_string_equal(task(s.task_id), "finished 4+0/4");
	assert_int_equal(kept(), 1);
}

static void
test_payloads_of_whoever_lost_the_task_stay(void **state)
{
	struct step step = payloads();
	(void)state;
	stand_store(&s, 0, 2);
	step.owner = STAND_OWNER + 1;
	assert_false(stand_step(&s, &stmt_task_expunge_step, &step).ours);
	step.owner = 0;
	step.org = "other";
	assert_false(stand_step(&s, &stmt_task_expunge_step, &step).ours);
	step.org = NULL;
	db_exec(&db, "update task set status = 'canceled'");
	assert_false(stand_step(&s, &stmt_task_expunge_step, &step).ours);
	assert_int_equal(kept(), 2);
}

/* ---- applications ------------------------------------------------------------------------- */

/* Four arguments of its own: since, until, applications, and, behind them, how many to look at. */
static struct step
usage(const char *since, const char *until)
{
	return (struct step){ .cursor = 0, .app_id = -1, .own = { since, until, NULL }, .nown = 3 };
}

static void
more_apps(int n)
{
	db_exec(&db,
	    "insert into app (id, org, name, deleted_at)"
	    " select %lld + i, case when i = 3 then 'other' else 'org' end, 'x', case when i = 2 then now() end"
	    " from generate_series(1, %d) i",
	    (long long)s.app_id, n);
	db_exec(&db, "update task set cursor = 0");
}

static void
test_applications_are_counted_by_whole_hours(void **state)
{
	struct step step = usage("2026-03-04T10:20:00Z", "2026-03-04T12:00:00Z");
	(void)state;
	more_apps(6);
	db_exec(&db, "create table attempt_tally_then partition of attempt_tally"
		     " for values from ('2026-03-02') to ('2026-03-09')");
	db_exec(&db,
	    "insert into attempt_tally (app_id, endpoint_id, day, origin, attempts, success, fail)"
	    " select %lld, 1, '2026-03-04', o, 0, array(select h from generate_series(0, 23) h),"
	    "  array_fill(100, array[24]) from generate_series(1, 2) o",
	    (long long)s.app_id);
	step.rows = 3;
	struct stepped at = stand_step(&s, &stmt_task_usage_step, &step);
	assert_true(at.ours && !at.finished && at.cursor == s.app_id + 4);
	assert_false(stand_step(&s, &stmt_task_usage_step, &step).ours); /* the old mark */
	step.cursor = -1;
	at = stand_step(&s, &stmt_task_usage_step, &step);
	assert_true(at.finished);
	assert_string_equal(task(s.task_id), "finished 5+0/5");
	/* The hours that begin at 10 and 11, of two writers. */
	assert_string_equal(
	    db_text(&db, "select string_agg(deliveries::text, ' ' order by app_id)"
			 " from task_result where event_types is null and catch_all is null"),
	    "442 0 0 0 0");
	db_exec(&db, "drop table attempt_tally_then");
}

static void
test_event_types_that_endpoints_name(void **state)
{
	struct step step = usage(NULL, NULL);
	(void)state;
	more_apps(1);
	db_exec(&db, "update endpoint set event_types = '{c.d,a.b}'");
	db_endpoint(&db, s.app_id + 1, "http://127.0.0.1/");
	assert_true(stand_step(&s, &stmt_task_usage_step, &step).finished);
	assert_string_equal(
	    db_text(&db, "select string_agg(event_types::text || catch_all::text, ' ' order by"
			 " app_id) from task_result where deliveries is null"),
	    "{a.b,c.d}false {}true");
}

static void
test_results_of_whoever_lost_the_task_are_not_stored(void **state)
{
	struct step step = usage(NULL, NULL);
	(void)state;
	more_apps(1);
	step.owner = STAND_OWNER + 1;
	assert_false(stand_step(&s, &stmt_task_usage_step, &step).ours);
	step.owner = 0;
	db_exec(&db, "update task set status = 'paused'");
	assert_false(stand_step(&s, &stmt_task_usage_step, &step).ours);
	assert_int_equal(db_int(&db, "select count(*) from task_result"), 0);
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
		cmocka_unit_test_setup(test_letters_are_replayed_step_by_step, each_set_up),
		cmocka_unit_test_setup(
		    test_letters_that_cannot_be_delivered_stay_open, each_set_up),
		cmocka_unit_test_setup(test_letters_count_once, each_set_up),
		cmocka_unit_test_setup(test_letters_of_whoever_lost_the_task_stay, each_set_up),
		cmocka_unit_test_setup(test_letters_that_a_filter_selects, each_set_up),
		cmocka_unit_test_setup(test_payloads_are_forgotten_step_by_step, each_set_up),
		cmocka_unit_test_setup(test_payloads_of_whoever_lost_the_task_stay, each_set_up),
		cmocka_unit_test_setup(test_applications_are_counted_by_whole_hours, each_set_up),
		cmocka_unit_test_setup(test_event_types_that_endpoints_name, each_set_up),
		cmocka_unit_test_setup(
		    test_results_of_whoever_lost_the_task_are_not_stored, each_set_up),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
