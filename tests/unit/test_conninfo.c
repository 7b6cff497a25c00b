/* Unit tests of pg/conninfo: what libpq makes of the parameters is asked of libpq itself, by
 * connections that are never waited for. */
#include <libpq-fe.h>
#include <string.h>

#include "base/attr.h"

#include "pg/conninfo.h"
#include "unit.h"

/* The value that counts, or "". The connection fails, because there is nobody at port 1. */
static void
expect(const char *url, bool writes, int turn, const char *key, const char *wanted)
{
	struct conninfo ci;
	conninfo_init(&ci, url, "test", writes, turn);
	PGconn *c = PQconnectStartParams(ci.key, ci.value, 1);
	conninfo_done(&ci);
	PQconninfoOption *all = PQconninfo(c);
	const char *got = NULL;
	assert_non_null(all);
	for (const PQconninfoOption *o = all; o->keyword; o++)
		if (strcmp(o->keyword, key) == 0)
			got = o->val;
	assert_string_equal(got ? got : "", wanted);
	PQconninfoFree(all);
	PQfinish(c);
}

static void
test_defaults_and_what_overrides_them(void **state)
{
	static const char plain[] = "postgresql://127.0.0.1:1/db";
	(void)state;
	expect(plain, true, 0, "tcp_user_timeout", "10000");
	expect(plain, true, 0, "keepalives_idle", "10");
	expect(plain, true, 0, "target_session_attrs", "read-write");
	expect(plain, false, 0, "target_session_attrs", "any");
	expect(plain, true, 0, "fallback_application_name", "test");
	expect(plain, true, 0, "client_encoding", "UTF8");
	expect(plain, true, 0, "dbname", "db");
	expect("host=127.0.0.1 port=1 tcp_user_timeout=77 keepalives_idle=0", true, 0,
	    "tcp_user_timeout", "77");
	expect("host=127.0.0.1 port=1 target_session_attrs=any", true, 0, "target_session_attrs",
	    "any");
	expect("host=127.0.0.1 port=1 client_encoding=LATIN1", true, 0, "client_encoding", "UTF8");
}

static void
test_hosts_take_turns(void **state)
{
	static const char three[] = "host=127.0.0.1,127.0.0.2,127.0.0.3 port=1,2,3 dbname=db";
	static const char uri[] = "postgresql://127.0.0.1:1,127.0.0.2:2/db";
	static const struct {
		const char *url;
		int turn;
		const char *hosts, *ports;
	} cases[] = {
		{ three, 0, "127.0.0.1,127.0.0.2,127.0.0.3", "1,2,3" },
		{ three, 1, "127.0.0.2,127.0.0.3,127.0.0.1", "2,3,1" },
		{ three, 2, "127.0.0.3,127.0.0.1,127.0.0.2", "3,1,2" },
		{ three, 3, "127.0.0.1,127.0.0.2,127.0.0.3", "1,2,3" },
		{ uri, 5, "127.0.0.2,127.0.0.1", "2,1" },
		{ "host=127.0.0.1,127.0.0.2 port=1", 1, "127.0.0.2,127.0.0.1", "1" },
		{ "host=,127.0.0.2 port=1", 1, "127.0.0.2,", "1" },
		{ "host=127.0.0.1 port=1", 1, "127.0.0.1", "1" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		expect(cases[i].url, true, cases[i].turn, "host", cases[i].hosts);
		expect(cases[i].url, true, cases[i].turn, "port", cases[i].ports);
	}
	expect("host=a,b hostaddr=127.0.0.1,127.0.0.2 port=1", true, 1, "hostaddr",
	    "127.0.0.2,127.0.0.1");
}

/* A bare word is the name of a database; what is no connection string stays libpq's to refuse. */
static void
test_other_urls(void **state)
{
	struct conninfo ci;
	(void)state;
	expect("just_a_name", true, 7, "dbname", "just_a_name");
	conninfo_init(&ci, "postgresql://[::/x", "test", true, 3);
	conninfo_done(&ci);
	conninfo_init(&ci, "", "test", true, 3);
	conninfo_done(&ci);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_and_what_overrides_them),
		cmocka_unit_test(test_hosts_take_turns),
		cmocka_unit_test(test_other_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
