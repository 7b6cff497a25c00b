/* Unit tests of base/arena: alignment, objects of every size side by side, owners, reuse. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

#include "unit.h"

static void
test_alignment(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	for (size_t n = 0; n < 3000; n += 7) {
		char *p = arena_alloc(a, n);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0x5a, n);
	}
	arena_free(a);
}

/* Fills objects around the sizes where the allocator changes its mind, then checks them all. */
static void
test_no_overlap(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 1008, 1023, 1024, 1025, 2000, 4080, 4096,
		4097, 100000, 3, 1, 4096 };
	enum {
		ROUNDS = 20
	};
	unsigned char *objects[ROUNDS][ARRAY_LEN(sizes)];
	struct arena *a = arena_new();
	(void)state;
	for (size_t r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			objects[r][i] = arena_alloc(a, sizes[i]);
			memset(objects[r][i], (int)(r * 16 + i) & 0xff, sizes[i]);
		}
	}
	for (size_t r = 0; r < ROUNDS; r++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			for (size_t k = 0; k < sizes[i]; k++)
				if (objects[r][i][k] != ((r * 16 + i) & 0xff))
					fail_msg("object %zu of round %zu", i, r);
	arena_free(a);
}

/* Pieces of one size fill each block to its last byte and no further (the sanitizer watches). */
static void
test_full_blocks(void **state)
{
	(void)state;
	for (size_t n = 16; n <= 512; n += 16) {
		struct arena *both[] = { arena_new(), arena_new_small() };
		for (size_t k = 0; k < ARRAY_LEN(both); k++) {
			for (size_t i = 0; i < 3 * 4096 / n; i++)
				memset(arena_alloc(both[k], n), 1, n);
			arena_reset(both[k]);
			memset(arena_alloc(both[k], n), 1, n);
			arena_free(both[k]);
		}
	}
}

static void
test_zalloc(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	memset(arena_alloc(a, 1000), 0xff, 1000);
	arena_reset(a); /* the memory below has been used */
	const char *p = arena_zalloc(a, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	arena_free(a);
}

static void
test_texts(void **state)
{
	struct arena *a = arena_new();
	char local[8] = "abc";
	(void)state;
	char *copy = arena_strdup(a, local);
	struct str slice = arena_str(a, (struct str){ local, 2 });
	char *part = arena_strndup(a, "ab\0c", 4);
	local[0] = 'X';
	assert_string_equal(copy, "abc");
	assert_int_equal(slice.n, 2);
	assert_memory_equal(slice.p, "ab\0", 3);
	assert_memory_equal(part, "ab\0c\0", 5);
	assert_string_equal(arena_strndup(a, NULL, 0), "");
	assert_null(arena_str(a, (struct str){ NULL, 0 }).p);
	assert_non_null(arena_str(a, STR("")).p);
	arena_free(a);
}

static void
test_printf(void **state)
{
	static const int sizes[] = { 0, 1, 254, 255, 256, 257, 5000 };
	struct arena *a = arena_new();
	(void)state;
	assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *text = arena_printf(a, "%0*d", sizes[i] ? sizes[i] : 1, 0);
		assert_int_equal(strlen(text), sizes[i] ? sizes[i] : 1);
		assert_int_equal(strspn(text, "0"), strlen(text));
	}
	arena_free(a);
}

static int order[4];
static int calls;

static void
record(void *ptr)
{
	order[calls++] = *(int *)ptr;
}

static void
test_owners(void **state)
{
	struct arena *a = arena_new();
	int numbers[] = { 1, 2, 3, 4 };
	(void)state;
	calls = 0;
	for (int i = 0; i < 3; i++)
		arena_own(a, &numbers[i], record);
	assert_int_equal(calls, 0);
	arena_reset(a);
	assert_int_equal(calls, 3);
	assert_int_equal(order[0], 3); /* the last registered first */
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 1);
	arena_reset(a); /* once only */
	assert_int_equal(calls, 3);

	/* What is owned may lie in the arena itself. */
	int *inside = arena_alloc(a, sizeof(int));
	*inside = 7;
	arena_own(a, inside, record);
	arena_free(a);
	assert_int_equal(calls, 4);
	assert_int_equal(order[3], 7);
}

static void
test_used(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	assert_int_equal(arena_used(a), 0);
	arena_alloc(a, 100);
	assert_in_range(arena_used(a), 100, 112);
	arena_alloc(a, 100000);
	assert_in_range(arena_used(a), 100100, 100128);
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	arena_free(a);
	arena_free(NULL);
}

/* Reset after reset, with blocks of every kind: nothing is lost (the leak checker watches). */
static void
test_reset(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	for (int i = 0; i < 50; i++) {
		for (int k = 0; k < i; k++)
			memset(arena_alloc(a, (size_t)(k * 97)), k, (size_t)(k * 97));
		arena_reset(a);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_no_overlap),
		cmocka_unit_test(test_full_blocks),
		cmocka_unit_test(test_zalloc),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
