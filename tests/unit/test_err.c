/* Unit tests of base/err: what is written, what is cut, and that the table of kinds is sound. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "base/err.h"

#include "unit.h"

static void
test_set(void **state)
{
	struct err e;
	(void)state;
	memset(&e, 'x', sizeof(e));
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no %s %d", "endpoint", 7), -1);
	assert_int_equal(e.kind, ERR_NOT_FOUND);
	assert_string_equal(e.text, "no endpoint 7");
	assert_string_equal(e.origin, "");
}

static void
test_errno(void **state)
{
	struct err e;
	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&e, ERR_IO, "open %s", "/x"), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_string_equal(e.text, "open /x: No such file or directory");
	assert_string_equal(e.origin, "ENOENT");
	errno = 99999;
	err_errno(&e, ERR_IO, "open");
	assert_memory_equal(e.text, "open: ", 6);
	assert_string_equal(e.origin, "");
}

static void
test_prefix(void **state)
{
	struct err e;
	(void)state;
	err_set(&e, ERR_INVALID, "too long");
	memcpy(e.origin, "22001", 6);
	assert_int_equal(err_prefix(&e, "field %s", "url"), -1);
	assert_string_equal(e.text, "field url: too long");
	assert_int_equal(err_prefix(&e, "endpoint %d", 3), -1);
	assert_string_equal(e.text, "endpoint 3: field url: too long");
	assert_int_equal(e.kind, ERR_INVALID); /* neither kind nor origin changes */
	assert_string_equal(e.origin, "22001");
}

/* Texts of every length around the size of the buffer: always terminated, cut at the tail. */
static void
test_cut(void **state)
{
	char text[600];
	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct err e;
		memset(text, 'a', n);
		text[n] = '\0';
		size_t kept = n < sizeof(e.text) ? n : sizeof(e.text) - 1;
		err_set(&e, ERR_IO, "%s", text);
		assert_int_equal(strlen(e.text), kept);

		err_prefix(&e, "head");
		assert_memory_equal(e.text, "head: ", 6);
		kept = kept + 6 < sizeof(e.text) ? kept + 6 : sizeof(e.text) - 1;
		assert_int_equal(strlen(e.text), kept);

		/* However long the context, the text stays one. */
		err_set(&e, ERR_IO, "cause");
		err_prefix(&e, "%s", text);
		assert_true(strlen(e.text) < sizeof(e.text));
		assert_true(e.text[0] == 'a' || strstr(e.text, "cause"));

		errno = EIO;
		err_errno(&e, ERR_IO, "%s", text);
		assert_true(strlen(e.text) < sizeof(e.text));
		assert_string_equal(e.origin, "EIO");
	}
}

static const struct {
	const char *name;
	int status;
} kinds[] = {
#define X(name, code, status, exit_code, retryable) { #name, status },
#include "base/err_kinds.def"
#undef X
};

static void
test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		enum err_kind kind = (enum err_kind)i;
		assert_int_equal(err_status(kind), kinds[i].status);
		assert_in_range(err_status(kind), 400, 599);
		assert_in_range(err_exit_code(kind), EX__BASE, EX__MAX);
		assert_true(strlen(err_code(kind)) > 0);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(err_code(kind), err_code((enum err_kind)k));
		/* What a client may repeat says so with its status. */
		if (err_retryable(kind))
			assert_true(err_status(kind) == 429 || err_status(kind) >= 500);
	}
	/* Codes that clients know. */
	assert_string_equal(err_code(ERR_UNAUTHENTICATED), "authentication_failed");
	assert_int_equal(err_status(ERR_UNAUTHENTICATED), 401);
	assert_string_equal(err_code(ERR_NOT_FOUND), "not_found");
	assert_string_equal(err_code(ERR_CONFLICT), "conflict");
	assert_string_equal(err_code(ERR_FORBIDDEN), "insufficient access");
	assert_int_equal(err_status(ERR_INVALID), 422);
	assert_true(err_retryable(ERR_UNAVAILABLE));
	assert_false(err_retryable(ERR_INVALID));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
