/* Unit tests of base/jw: commas, escapes, and values of every type. */
#include <string.h>

#include "base/attr.h"
#include "base/jw.h"
#include "base/utf8.h"

#include "unit.h"

static struct buf out;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&out, 100000);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
test_commas(void **state)
{
	struct jw j;
	(void)state;
	jw_begin(&j, &out);
	jw_open_object(&j);
	jw_key(&j, "a");
	jw_open_array(&j);
	jw_close_array(&j);
	jw_key(&j, "b");
	jw_open_array(&j);
	jw_i64(&j, 1);
	jw_open_object(&j);
	jw_close_object(&j);
	jw_open_object(&j);
	jw_put_bool(&j, "c", true);
	jw_put_null(&j, "d");
	jw_close_object(&j);
	jw_open_array(&j);
	jw_null(&j);
	jw_bool(&j, false);
	jw_close_array(&j);
	jw_text(&j, STR("x"));
	jw_close_array(&j);
	jw_put_i64(&j, "e", -5);
	jw_close_object(&j);
	jw_end(&j);
	assert_string_equal(out.data,
	    "{\"a\":[],\"b\":[1,{},{\"c\":true,\"d\":null},[null,false],\"x\"],\"e\":-5}");
}

static void
test_values(void **state)
{
	struct jw j;
	(void)state;
	jw_begin(&j, &out);
	jw_open_object(&j);
	jw_put_text(&j, "text", STR("x"));
	jw_put_text_or_null(&j, "given", STR("y"));
	jw_put_text_or_null(&j, "empty", STR(""));
	jw_put_text_or_null(&j, "none", (struct str){ NULL, 0 });
	jw_put_i64(&j, "least", INT64_MIN);
	jw_put_bool(&j, "no", false);
	jw_put_raw(&j, "raw", STR("{ \"n\":1.10 }"));
	jw_put_time(&j, "time", (struct wall){ INT64_C(1795252800000001) });
	jw_put_id(&j, "id", ID_MESSAGE, 61);
	jw_close_object(&j);
	jw_end(&j);
	assert_string_equal(out.data,
	    "{\"text\":\"x\",\"given\":\"y\",\"empty\":\"\",\"none\":null,"
	    "\"least\":-9223372036854775808,\"no\":false,\"raw\":{ \"n\":1.10 },"
	    "\"time\":\"2026-11-21T09:20:00.000001Z\",\"id\":\"msg_0000000000z\"}");
}

static void
test_escapes(void **state)
{
	const struct {
		struct str text;
		const char *wanted;
	} cases[] = {
		{ STR(""), "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ STR("a/b"), "\"a/b\"" },
		{ STR("\""), "\"\\\"\"" },
		{ STR("\\"), "\"\\\\\"" },
		{ STR("\n\r\t"), "\"\\n\\r\\t\"" },
		{ STR("\0"), "\"\\u0000\"" },
		{ STR("\x01\x1f"), "\"\\u0001\\u001f\"" },
		{ STR("\b\f"), "\"\\u0008\\u000c\"" },
		{ STR("\x7f"), "\"\\u007f\"" },
		{ STR("a\"b\\c\nd"), "\"a\\\"b\\\\c\\nd\"" },
		{ STR("Zo\xc3\xab \xf0\x9f\x8e\x89"), "\"Zo\xc3\xab \xf0\x9f\x8e\x89\"" },
		/* Bytes that are no UTF-8 become U+FFFD, one each. */
		{ STR("\xff"), "\"\xef\xbf\xbd\"" },
		{ STR("a\xc3"), "\"a\xef\xbf\xbd\"" },
		{ STR("a\xc3z"), "\"a\xef\xbf\xbdz\"" },
		{ STR("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ STR("\xf0\x9f\x8e"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct jw j;
		buf_clear(&out);
		jw_begin(&j, &out);
		jw_text(&j, cases[i].text);
		jw_end(&j);
		assert_string_equal(out.data, cases[i].wanted);
	}
	struct jw j;
	buf_clear(&out);
	jw_begin(&j, &out);
	jw_open_object(&j);
	jw_put_null(&j, "a\"b");
	jw_close_object(&j);
	assert_string_equal(out.data, "{\"a\\\"b\":null}");
}

/* Each byte before each byte: the result is always one quoted string of valid UTF-8 without control
 * characters. */
static void
test_every_pair(void **state)
{
	(void)state;
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			char pair[2] = { (char)a, (char)b };
			struct jw j;
			buf_clear(&out);
			jw_begin(&j, &out);
			jw_text(&j, (struct str){ pair, 2 });
			assert_true(utf8_valid(out.data, out.len));
			assert_int_equal(out.data[0], '"');
			assert_int_equal(out.data[out.len - 1], '"');
			for (size_t i = 1; i + 1 < out.len; i++) {
				assert_true((unsigned char)out.data[i] >= 0x20);
				assert_true(out.data[i] != '"' || out.data[i - 1] == '\\');
			}
		}
	}
}

static void
test_maximum(void **state)
{
	struct buf small;
	struct jw j;
	(void)state;
	buf_init(&small, 20);
	jw_begin(&j, &small);
	jw_open_array(&j);
	for (int i = 0; i < 100; i++)
		jw_text(&j, STR("abc"));
	jw_close_array(&j);
	jw_end(&j);
	assert_true(small.failed);
	assert_true(small.len <= 20);
	buf_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_escapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_pair, set_up, tear_down),
		cmocka_unit_test(test_maximum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
