/* A program of tests with one database, in which each test has a world of its own. */
#pragma once

#include "world.h"

extern struct db db;

/* cmocka's fixtures: *state is the test's struct world. */
int world_set_up(void **state);
int world_tear_down(void **state);
int database_set_up(void **state);
int database_tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
#define RUN(tests) cmocka_run_group_tests(tests, database_set_up, database_tear_down)
