/* Options: every type, every source, precedence, and what a person is told about a mistake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

#include "config/config.h"
#include "config/nearest.h"
#include "config/option.h"
#include "config/value.h"
#include "unit.h"

#define SECRET_TEXT "correct horse battery staple"

static struct config config;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	config_init(&config);
	err = (struct err){ .text = "" };
	return 0;
}

/* What the option is set to, as text. Valid until the next call. */
static const char *
value_of(const char *name)
{
	static struct buf out;
	buf_free(&out);
	buf_init(&out, 4096);
	int i = option_find(str_of(name));
	value_write(options[i].type, option_value(&config, i), &out);
	return out.data;
}

static int
read_text(const char *text)
{
	return config_read_text(&config, "test.conf", str_of(text), &err);
}

static int
read_env(const char *a, const char *b)
{
	char first[512], second[512];
	snprintf(first, sizeof(first), "%s", a);
	snprintf(second, sizeof(second), "%s", b ? b : "");
	char *env[] = { first, b ? second : NULL, NULL };
	return config_read_env(&config, env, &err);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void
test_defaults_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		char text[4096];
		if (value_is_secret(options[i].type))
			continue;
		snprintf(text, sizeof(text), "%s", value_of(options[i].name));
		if (config_set(&config, options[i].name, text, CONFIG_FROM_FILE, &err) < 0)
			fail_msg("%s = %s: %s", options[i].name, text, err.text);
		assert_string_equal(value_of(options[i].name), text);
	}
	assert_int_equal(config.attempt_timeout, 30000);
	assert_int_equal(config.queue_bytes_max, 256 << 20);
	assert_int_equal(config.retry_schedule.steps, 9);
	assert_true(config.database_prepare);
	assert_string_equal(config.listen, "127.0.0.1:8071");
}

static const struct {
	const char *name;
	const char *value;
	const char *canonical; /* NULL: refused */
	const char *complaint; /* part of the error */
} values[] = {
	{ "workers", "4", "4", NULL },
	{ "workers", " 4\t", "4", NULL },
	{ "workers", "64", "64", NULL },
	{ "workers", "65", NULL, "from 0 to 64, not \"65\"" },
	{ "workers", "-1", NULL, "from 0 to 64" },
	{ "workers", "", NULL, "whole number" },
	{ "workers", "4x", NULL, "not \"4x\"" },
	{ "workers", "0x4", NULL, "whole number" },
	{ "workers", "99999999999999999999", NULL, "whole number" },
	{ "workers", "4\n\x1b[2J", NULL, "not \"4??[2J\"" },
	{ "attempt_timeout", "250ms", "250ms", NULL },
	{ "attempt_timeout", "1", "1s", NULL },
	{ "attempt_timeout", "90S", "90s", NULL },
	{ "attempt_timeout", "2m", "2m", NULL },
	{ "attempt_timeout", "99ms", NULL, "from 100ms to 2m" },
	{ "attempt_timeout", "121s", NULL, "from 100ms to 2m" },
	{ "attempt_timeout", "ms", NULL, "duration" },
	{ "attempt_timeout", "1 s", NULL, "duration" },
	{ "attempt_timeout", "1.5s", NULL, "duration" },
	{ "attempt_timeout", "-1s", NULL, "duration" },
	{ "retention", "1y", "365d", NULL },
	{ "retention", "9223372036854775807d", NULL, "duration" },
	{ "retention", "106751991168d", NULL, "duration" },
	{ "secret_grace", "0", "0ms", NULL },
	{ "body_max", "64k", "64k", NULL },
	{ "body_max", "2097152", "2m", NULL },
	{ "body_max", "1025", "1025", NULL },
	{ "queue_bytes_max", "1G", "1g", NULL },
	{ "body_max", "1", NULL, "from 1k to 64m" },
	{ "body_max", "2mb", NULL, "size in bytes" },
	{ "body_max", "9223372036854775807g", NULL, "size in bytes" },
	{ "https_only", "yes", "true", NULL },
	{ "https_only", "TRUE", "true", NULL },
	{ "https_only", "off", "false", NULL },
	{ "https_only", "", NULL, "true or false" },
	{ "https_only", "maybe", NULL, "not \"maybe\"" },
	{ "log_level", "Debug", "debug", NULL },
	{ "log_level", "trace", NULL, "error, warn, info or debug" },
	{ "log_format", "json", "json", NULL },
	{ "log_format", "xml", NULL, "logfmt or json" },
	{ "listen", "[::1]:80", "[::1]:80", NULL },
	{ "listen", "a\tb", NULL, "control characters" },
	{ "retry_schedule", "0.05, 1,300", "0.050, 1, 300", NULL },
	{ "retry_schedule", "", "", NULL },
	{ "retry_schedule", "5, five", NULL, "retry_schedule: " },
	{ "allow_addresses", "127.0.0.0/8, ::1/128", "127.0.0.0/8, ::1/128", NULL },
	{ "allow_addresses", "10.1.2.3", "10.1.2.3/32", NULL },
	{ "allow_addresses", "", "", NULL },
	{ "allow_addresses", "10.0.0.0/33", NULL, "allow_addresses: " },
	{ "no_such_thing_at_all", "1", NULL, "unknown option no_such_thing_at_all" },
	{ "", "1", NULL, "unknown option" },
};

static void
test_values(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		setup(state);
		int r =
		    config_set(&config, values[i].name, values[i].value, CONFIG_FROM_FILE, &err);
		if (values[i].canonical) {
			if (r < 0)
				fail_msg("%s = %s: %s", values[i].name, values[i].value, err.text);
			assert_string_equal(value_of(values[i].name), values[i].canonical);
		} else {
			if (r == 0)
				fail_msg("%s = %s was accepted", values[i].name, values[i].value);
			assert_int_equal(err.kind, ERR_CONFIG);
			if (!strstr(err.text, values[i].complaint))
				fail_msg("\"%s\" lacks \"%s\"", err.text, values[i].complaint);
		}
	}
}

static void
test_text_has_a_maximum(void **state)
{
	(void)state;
	char text[CONFIG_TEXT_MAX + 1];
	memset(text, 'x', sizeof(text));
	text[CONFIG_TEXT_MAX - 1] = '\0';
	assert_int_equal(config_set(&config, "user_agent", text, CONFIG_FROM_FILE, &err), 0);
	text[CONFIG_TEXT_MAX - 1] = 'x';
	text[CONFIG_TEXT_MAX] = '\0';
	assert_int_equal(config_set(&config, "user_agent", text, CONFIG_FROM_FILE, &err), -1);
}

static void
test_a_secret_is_never_shown(void **state)
{
	(void)state;
	char text[SECRET_MAX + 2];
	memset(text, 'q', sizeof(text));
	text[SECRET_MAX + 1] = '\0';
	assert_int_equal(config_set(&config, "jwt_secret", text, CONFIG_FROM_ENV, &err), -1);
	assert_null(strstr(err.text, "qq"));
	assert_int_equal(
	    config_set(&config, "jwt_secret", " " SECRET_TEXT, CONFIG_FROM_ENV, &err), 0);
	assert_true(secret_eq(&config.jwt_secret, STR(" " SECRET_TEXT)));
	/* Nor a connection string, which may hold a password. */
	assert_int_equal(
	    config_set(&config, "database_url", "pass\x01word", CONFIG_FROM_ENV, &err), -1);
	assert_null(strstr(err.text, "word"));

	struct buf out;
	buf_init(&out, 1 << 16);
	config_write_settings(&config, &out);
	assert_non_null(strstr(out.data, "# jwt_secret: set, not shown (environment)"));
	assert_null(strstr(out.data, SECRET_TEXT));
	buf_free(&out);
}

/* A key in PEM of several lines, or of one. */
static void
test_pem(void **state)
{
	(void)state;
	char text[CONFIG_PEM_MAX + 2];
	assert_int_equal(
	    config_set(&config, "jwt_public_key", " -a-\\nb\\n-c-\\", CONFIG_FROM_ENV, &err), 0);
	const struct str lines = { config.jwt_public_key.bytes, config.jwt_public_key.len };
	assert_true(str_eq(lines, STR("-a-\nb\n-c-\\")));
	memset(text, 'q', sizeof(text));
	text[CONFIG_PEM_MAX] = '\0';
	assert_int_equal(config_set(&config, "jwt_private_key", text, CONFIG_FROM_ENV, &err), 0);
	assert_int_equal(config.jwt_private_key.len, CONFIG_PEM_MAX);
	struct buf out;
	buf_init(&out, 1 << 16);
	config_write_settings(&config, &out);
	assert_non_null(strstr(out.data, "# jwt_private_key: set, not shown (environment)"));
	assert_null(strstr(out.data, "qq"));
	buf_free(&out);
	text[CONFIG_PEM_MAX] = 'q';
	text[CONFIG_PEM_MAX + 1] = '\0';
	assert_int_equal(config_set(&config, "jwt_private_key", text, CONFIG_FROM_ENV, &err), -1);
	assert_null(strstr(err.text, "qq"));
	config_wipe(&config);
	assert_int_equal(config.jwt_public_key.len + config.jwt_private_key.len, 0);
	assert_int_equal(config.jwt_private_key.bytes[0], 0);
}

/* An algorithm and the one option that it takes its key from. */
static void
test_token_key(void **state)
{
	static const char ed_public[] =
	    "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAEBu4zqje+SZvg+BJdRMwUX7RmyWWIhy99qC+MIdK"
	    "04U=\\n-----END PUBLIC KEY-----";
	static const struct {
		const char *algorithm, *secret, *public, *private;
		const char *problem; /* NULL: none */
	} cases[] = {
		{ "HS256", SECRET_TEXT, "", "", NULL },
		{ "hs512", SECRET_TEXT, "", "", NULL },
		{ "EdDSA", "", ed_public, "", NULL },
		{ "HS384", "", "", "", "POSTHORN_JWT_SECRET" },
		{ "HS384", "short", "", "", "5 bytes, at least 16" },
		{ "EdDSA", "", "", "", "POSTHORN_JWT_PUBLIC_KEY_FILE" },
		{ "RS256", "", ed_public, "",
		    "jwt_algorithm RS256: the public key is of type ED25519" },
		{ "EdDSA", "", "", "x", "jwt_algorithm EdDSA: the private key cannot be read" },
		/* A key that would not be used. */
		{ "EdDSA", SECRET_TEXT, ed_public, "", "jwt_secret is set" },
		{ "HS256", SECRET_TEXT, ed_public, "", "jwt_public_key is set" },
		{ "HS256", SECRET_TEXT, "", "x", "jwt_private_key is set" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token_key *key;
		config_init(&config);
		const char *const set[][2] = { { "jwt_algorithm", cases[i].algorithm },
			{ "jwt_secret", cases[i].secret }, { "jwt_public_key", cases[i].public },
			{ "jwt_private_key", cases[i].private } };
		for (size_t k = 0; k < ARRAY_LEN(set); k++)
			assert_int_equal(
			    config_set(&config, set[k][0], set[k][1], CONFIG_FROM_ENV, &err), 0);
		int r = config_token_key(&config, &key, &err);
		if (r == 0)
			token_key_free(key);
		if ((r == 0) != !cases[i].problem)
			fail_msg("case %zu: %s", i, r ? err.text : "accepted");
		if (r && !strstr(err.text, cases[i].problem))
			fail_msg("case %zu: %s", i, err.text);
	}
	assert_int_equal(config_set(&config, "jwt_algorithm", "none", CONFIG_FROM_ENV, &err), -1);
	assert_int_equal(config_set(&config, "jwt_algorithm", "ES256", CONFIG_FROM_ENV, &err), -1);
}

/* ---- sources ----------------------------------------------------------------------------------
 */

static void
test_precedence_does_not_depend_on_order(void **state)
{
	(void)state;
	assert_false(config_is_set(&config, "workers"));
	assert_int_equal(config_set(&config, "workers", "3", CONFIG_FROM_FLAG, &err), 0);
	assert_int_equal(read_text("workers = 1\nlane_max = 11\n"), 0);
	assert_int_equal(read_env("POSTHORN_WORKERS=2", "POSTHORN_LANE_MAX=12"), 0);
	assert_int_equal(config.workers, 3);
	assert_int_equal(config.lane_max, 12);
	assert_true(config_is_set(&config, "lane-max"));
	/* What is overridden is checked all the same. */
	assert_int_equal(read_text("workers = many\n"), -1);
}

static const struct {
	const char *text;
	const char *complaint; /* NULL: accepted */
} files[] = {
	{ "", NULL },
	{ "\xef\xbb\xbfworkers = 2\r\n", NULL },
	{ "# comment\n; comment\n[section]\n\nworkers=2\nlane-max: 20", NULL },
	{ "user_agent = a ; b # c\n", NULL },
	{ "workers = 2\nqueue_mx = 3\n",
	    "test.conf line 2: unknown option queue_mx; did you mean queue_max?" },
	{ "workers = 2\n  lane_max = x\n", "test.conf line 2: lane_max: expected a whole number" },
	{ "workers = 2\nworkers = 2\n", "test.conf line 2: workers is set twice" },
	{ "workers = 2\nworkers\n", "test.conf line 2: expected name = value" },
	{ "[section\n", "line 1: expected name = value" },
	{ "workers = 2 # two\n", "not \"2 # two\"" },
	{ "= 2\n", "unknown option" },
	{ "workers = x\nlane_max = y\n", "line 1: workers" },
};

static void
test_files(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		setup(state);
		int r = read_text(files[i].text);
		if (!files[i].complaint && r < 0)
			fail_msg("%s: %s", files[i].text, err.text);
		if (files[i].complaint && (r == 0 || !strstr(err.text, files[i].complaint)))
			fail_msg(
			    "%s: \"%s\" lacks \"%s\"", files[i].text, err.text, files[i].complaint);
	}
	setup(state);
	assert_int_equal(read_text("user_agent = a ; b # c\n"), 0);
	assert_string_equal(config.user_agent, "a ; b # c");
}

static void
test_file_lines_are_not_cut(void **state)
{
	(void)state;
	char text[8192], url[1000];
	memset(url, 'u', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	snprintf(text, sizeof(text), "database_url = %s\nworkers = 7\n", url);
	assert_int_equal(read_text(text), 0);
	assert_string_equal(config.database_url, url);
	assert_int_equal(config.workers, 7);

	/* A tail that would be an option of its own if the line were cut at any length. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "# x\nlisten =", 12);
	for (size_t i = 12; i + 12 < sizeof(text) - 1; i += 11)
		memcpy(text + i, "workers = 9", 11);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(read_text(text), -1);
	assert_non_null(strstr(err.text, "test.conf line 2: longer than 4095 bytes"));
	assert_int_equal(config.workers, 7);

	struct str nul = { "workers = 2\0\n", 13 };
	assert_int_equal(config_read_text(&config, "f", nul, &err), -1);
	assert_non_null(strstr(err.text, "NUL"));
}

/* A file with that content; the name is valid until the next call. */
static const char *
temporary(const void *content, size_t n)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/test_config.XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, n), n);
	close(fd);
	return path;
}

static void
test_read_file(void **state)
{
	(void)state;
	const char *path = temporary("workers = 5\n", 12);
	assert_int_equal(config_read_file(&config, path, &err), 0);
	assert_int_equal(config.workers, 5);
	unlink(path);
	assert_int_equal(config_read_file(&config, path, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(config_read_file(&config, "/", &err), -1);

	size_t huge = (64 << 10) + 1;
	char *text = malloc(huge);
	memset(text, '\n', huge);
	path = temporary(text, huge);
	assert_int_equal(config_read_file(&config, path, &err), -1);
	assert_non_null(strstr(err.text, "larger than 65536 bytes"));
	unlink(path);
	path = temporary(text, huge - 1);
	assert_int_equal(config_read_file(&config, path, &err), 0);
	unlink(path);
	free(text);
}

static void
test_environment(void **state)
{
	(void)state;
	assert_int_equal(read_env("PATH=/bin", "POSTHORN_HTTPS_ONLY=on"), 0);
	assert_true(config.https_only);
	assert_int_equal(read_env("POSTHORN_ALLOW_ADDRESSES=", NULL), 0);
	assert_true(config_is_set(&config, "allow_addresses"));
	assert_int_equal(read_env("POSTHORN_TOKEN=x", "POSTHORN_TEST_ANYTHING=y"), 0);
	assert_int_equal(read_env("POSTHORN_URL=x", "POSTHORN_CONFIG=y"), 0);
	assert_int_equal(read_env("POSTHORN_", NULL), 0);
	assert_int_equal(read_env("POSTHORN_DATABASE_URI=x", NULL), -1);
	assert_string_equal(
	    err.text, "unknown option POSTHORN_DATABASE_URI; did you mean POSTHORN_DATABASE_URL?");
	assert_int_equal(read_env("POSTHORN_WORKERS=2", "POSTHORN_WORKERS=3"), -1);
	assert_int_equal(read_env("POSTHORN_=2", NULL), -1);
	assert_int_equal(read_env("POSTHORN_LISTEN_FILE=/dev/null", NULL), -1);
}

static void
test_secret_from_file(void **state)
{
	char variable[128];
	const char *path = temporary(SECRET_TEXT "\r\n", sizeof(SECRET_TEXT) + 1);
	snprintf(variable, sizeof(variable), "POSTHORN_JWT_SECRET_FILE=%s", path);
	assert_int_equal(read_env(variable, NULL), 0);
	assert_true(secret_eq(&config.jwt_secret, STR(SECRET_TEXT)));
	setup(state);
	assert_int_equal(read_env("POSTHORN_JWT_SECRET=x", variable), -1);
	assert_non_null(strstr(err.text, "POSTHORN_JWT_SECRET_FILE"));
	setup(state);
	assert_int_equal(read_env(variable, "POSTHORN_JWT_SECRET=x"), -1);
	unlink(path);
	assert_int_equal(read_env(variable, NULL), -1);
	assert_int_equal(read_env("POSTHORN_JWT_SECRET_FILE=/dev/null", NULL), -1);
	assert_non_null(strstr(err.text, "/dev/null is empty"));
	assert_int_equal(read_env("POSTHORN_JWT_SECRET_FILE=/dev/zero", NULL), -1);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void
test_check(void **state)
{
	(void)state;
	assert_int_equal(config_check(&config, &err), -1);
	assert_non_null(strstr(err.text, "POSTHORN_DATABASE_URL"));
	assert_non_null(strstr(err.text, "--dev"));
	assert_int_equal(read_text("database_url = postgres://x\n"), 0);
	assert_int_equal(config_require_database(&config, &err), 0);
	assert_int_equal(config_check(&config, &err), -1);
	assert_non_null(strstr(err.text, "POSTHORN_JWT_SECRET"));
	assert_int_equal(read_text("jwt_secret = 123456789012345\n"), 0);
	assert_int_equal(config_check(&config, &err), -1);
	assert_non_null(strstr(err.text, "15 bytes, at least 16"));
	assert_null(strstr(err.text, "12345678"));
	assert_int_equal(read_text("jwt_secret = 1234567890123456\n"), 0);
	assert_int_equal(config_check(&config, &err), 0);
	assert_int_equal(read_text("queue_bytes_max = 1m\n"), 0);
	assert_int_equal(config_check(&config, &err), -1);
	assert_non_null(strstr(err.text, "body_max"));
	assert_int_equal(read_text("body_max = 1m\n"), 0);
	assert_int_equal(config_check(&config, &err), 0);
	assert_int_equal(read_text("listen =\n"), 0);
	assert_int_equal(config_check(&config, &err), -1);
}

static void
test_every_option_is_documented(void **state)
{
	(void)state;
	void (*const writers[])(
	    struct buf * out) = { config_write_help, config_write_example, config_write_reference };
	for (size_t w = 0; w < ARRAY_LEN(writers); w++) {
		struct buf out;
		buf_init(&out, 1 << 17);
		writers[w](&out);
		assert_false(out.failed);
		for (int i = 0; i < CONFIG_OPTIONS; i++) {
			char flag[OPTION_SPELLING_MAX];
			struct str name = str_of(options[i].name);
			option_spelling(name, CONFIG_FROM_FLAG, flag);
			if (!strstr(out.data, w == 0 ? flag : options[i].name))
				fail_msg("writer %zu leaves %s out", w, options[i].name);
		}
		buf_free(&out);
	}
}

/* Removes "#" before each setting of the example: the defaults, spelled out. */
static void
test_example_and_settings_can_be_read(void **state)
{
	(void)state;
	struct buf example, text;
	buf_init(&example, 1 << 17);
	buf_init(&text, 1 << 17);
	config_write_example(&example);
	struct str rest = { example.data, example.len }, line;
	while (str_split(&rest, '\n', &line)) {
		size_t skip = line.n > 1 && line.p[0] == '#' && line.p[1] >= 'a';
		buf_add(&text, line.p + skip, line.n - skip);
		buf_addc(&text, '\n');
	}
	if (read_text(text.data) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		assert_int_equal(config.source[i], CONFIG_FROM_FILE);

	buf_clear(&text);
	config_write_settings(&config, &text);
	config_init(&config);
	if (read_text(text.data) < 0)
		fail_msg("%s", err.text);
	buf_free(&example);
	buf_free(&text);
}

static const struct {
	const char *typed;
	const char *meant;
} slips[] = {
	{ "listen", "listen" },
	{ "lisen", "listen" },
	{ "litsen", "listen" },
	{ "listten", "listen" },
	{ "worker", "workers" },
	{ "wrokers", "workers" },
	{ "database", NULL },
	{ "xyz", NULL },
	{ "", NULL },
	{ "l", NULL },
	{ "listenlistenlistenlistenlistenlistenlistenlistenlistenlistenlistenlisten", NULL },
};

static void
test_nearest(void **state)
{
	(void)state;
	const char *names[] = { "listen", "workers", "database_url" };
	for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
		const char *near = nearest_name(str_of(slips[i].typed), names, 3);
		if ((near == NULL) != (slips[i].meant == NULL) ||
		    (near && strcmp(near, slips[i].meant) != 0))
			fail_msg("%s: %s", slips[i].typed, near ? near : "none");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults_read_back, setup),
		cmocka_unit_test_setup(test_values, setup),
		cmocka_unit_test_setup(test_text_has_a_maximum, setup),
		cmocka_unit_test_setup(test_pem, setup),
		cmocka_unit_test_setup(test_token_key, setup),
		cmocka_unit_test_setup(test_a_secret_is_never_shown, setup),
		cmocka_unit_test_setup(test_precedence_does_not_depend_on_order, setup),
		cmocka_unit_test_setup(test_files, setup),
		cmocka_unit_test_setup(test_file_lines_are_not_cut, setup),
		cmocka_unit_test_setup(test_read_file, setup),
		cmocka_unit_test_setup(test_environment, setup),
		cmocka_unit_test_setup(test_secret_from_file, setup),
		cmocka_unit_test_setup(test_check, setup),
		cmocka_unit_test_setup(test_every_option_is_documented, setup),
		cmocka_unit_test_setup(test_example_and_settings_can_be_read, setup),
		cmocka_unit_test_setup(test_nearest, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
