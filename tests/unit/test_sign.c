/* Unit tests of policy/sign: vectors shared with the libraries of receivers, keys that must be
 * refused, and a context that is used again and again. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/b64.h"

#include "policy/sign.h"
#include "unit.h"

#define KEY_00_1F "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_00_17 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define KEY_00_3F                                                                                    \
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+" \
	"Pw=="
#define KEY_00_4A                                                                                  \
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Nj"         \
	"c4OTo7PD0+P0BBQkNERUZHSElK"
#define KEY_T1 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define BODY_1                                                                                     \
	"{\"type\":\"contact.created\",\"timestamp\":\"2022-11-03T20:26:10.344522Z\",\"data\":{"   \
	"\"id\":\"1f81eb52-5198-4599-803e-771906343485\"}}"

static const struct vector {
	const char *name;
	const char *secrets[2]; /* in the order of the header */
	const char *id;
	int64_t timestamp_s;
	const char *body;
	const char *wanted;
} vectors[] = {
	/* In the tests of the Python, JavaScript, Go, Java, PHP, Ruby and C# libraries. */
	{ "T1", { KEY_T1 }, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
	/* In those of the Rust one. */
	{ "T2", { "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
	    1649367553, "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
	    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=" },
	/* Computed with two other implementations. */
	{ "T3", { KEY_00_1F }, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1674087231, BODY_1,
	    "v1,4PMU5Dl90B4kgwxDpwuMZ/cnZ5ztf+Y+kviYQD66rJg=" },
	{ "T4, no body", { KEY_00_1F }, "msg_0001", 1700000000, "",
	    "v1,hOfIUkmI4GiUE6hkCRumt1O16Rxjn1aZen65qqSIeb8=" },
	{ "T5, UTF-8", { KEY_00_1F }, "msg_utf8", 1700000001,
	    "{\"name\":\"Zo\xc3\xab \xf0\x9f\x8e\x89\",\"n\":1.0}",
	    "v1,0GX1oKUmGYo6AMWXGF4uUH8CQZBp0uh4lj51LCcQKF0=" },
	{ "T6, a whole block of key", { KEY_00_3F }, "msg_key64", 1700000002, "{\"a\":1}",
	    "v1,vFNNySFr2lJ93DkJ8/w5JlhK9SGMHt7AyMqpXDbivTE=" },
	{ "T7, the shortest key", { KEY_00_17 }, "msg_key24", 1700000002, "{\"a\":1}",
	    "v1,hwwLbGHCJxjmGMhXNUu8KWshD3Z1Y7BR4S3+nl8zydc=" },
	{ "T8, rotation", { KEY_00_1F, KEY_T1 }, "msg_rot", 1700000003, "{\"a\":1}",
	    "v1,gjQC2RNmU2tPNWt3WwPr3vIU4VI+88wKHsuXnQlXGu0= "
	    "v1,hAWTp2O5ZX7aAvxSVj9xsLCS9deAf+i2FLATOHVNWJA=" },
	{ "T9, the longest key, hashed before use", { KEY_00_4A }, "msg_key75", 1700000002,
	    "{\"a\":1}", "v1,3Mv3UDzMf4mYufMMLXuZTqLl2ACqIdCJXSsPaLJ+8DM=" },
};

static struct sign_key *
key_of(const char *text)
{
	struct secret secret;
	struct err e;
	if (sign_key_parse(str_of(text), &secret, &e))
		fail_msg("%s", e.text);
	struct sign_key *k = sign_key_new(&secret);
	secret_wipe(&secret); /* the key has its own copy */
	return k;
}

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct sign_key *keys[2] = { key_of(v->secrets[0]) };
		int n = 1;
		if (v->secrets[1])
			keys[n++] = key_of(v->secrets[1]);
		/* Twice: the first signature must not leave traces in the second. */
		for (int k = 0; k < 2; k++) {
			char out[SIGN_HEADER_SIZE];
			size_t len = sign_header(
			    keys, n, str_of(v->id), v->timestamp_s, str_of(v->body), out);
			if (strcmp(out, v->wanted) != 0)
				fail_msg("%s: %s", v->name, out);
			assert_int_equal(len, strlen(v->wanted));
		}
		for (int k = 0; k < n; k++)
			sign_key_free(keys[k]);
	}
	sign_key_free(NULL);
}

/* The two classic mistakes give other signatures of T1; ours is neither. */
static void
test_not_the_text_as_key(void **state)
{
	static const struct {
		const char *key;
		const char *wanted;
	} mistakes[] = {
		{ KEY_T1, "v1,TcxlhK9b6UD6iVI1ZU2tTqp8PEVfYRseNNfa6b+LcUg=" },
		{ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		    "v1,ELhqG0Ku1gwOc1f4jyKdp3SFGFLAOdJ9bvpWLciCakI=" },
	};
	const struct vector *v = &vectors[0];
	char ours[SIGN_HEADER_SIZE], theirs[SIGN_HEADER_SIZE];
	struct sign_key *key = key_of(KEY_T1);
	(void)state;
	sign_header(&key, 1, str_of(v->id), v->timestamp_s, str_of(v->body), ours);
	sign_key_free(key);
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct secret secret;
		assert_int_equal(secret_set(&secret, mistakes[i].key, strlen(mistakes[i].key)), 0);
		key = sign_key_new(&secret);
		sign_header(&key, 1, str_of(v->id), v->timestamp_s, str_of(v->body), theirs);
		sign_key_free(key);
		assert_string_equal(theirs, mistakes[i].wanted);
		assert_string_not_equal(theirs, ours);
	}
}

/* Keys that take turns, as endpoints do, do not disturb one another. */
static void
test_interleaved(void **state)
{
	struct sign_key *keys[3] = { key_of(KEY_T1), key_of(KEY_00_1F), key_of(KEY_00_1F) };
	char out[SIGN_HEADER_SIZE], alone[SIGN_HEADER_SIZE];
	const struct vector *t1 = &vectors[0], *t3 = &vectors[2];
	(void)state;
	for (int i = 0; i < 3; i++) {
		sign_header(&keys[0], 1, str_of(t1->id), t1->timestamp_s, str_of(t1->body), out);
		assert_string_equal(out, t1->wanted);
		sign_header(
		    &keys[1 + i % 2], 1, str_of(t3->id), t3->timestamp_s, str_of(t3->body), out);
		assert_string_equal(out, t3->wanted);
	}
	/* The same key twice in one header: the same signature twice. */
	struct sign_key *same[2] = { keys[1], keys[1] };
	size_t n = sign_header(&keys[1], 1, STR("msg_1"), 1, STR("{}"), alone);
	assert_int_equal(sign_header(same, 2, STR("msg_1"), 1, STR("{}"), out), 2 * n + 1);
	assert_memory_equal(out, alone, n);
	assert_int_equal(out[n], ' ');
	assert_string_equal(out + n + 1, alone);
	for (int i = 0; i < 3; i++)
		sign_key_free(keys[i]);
}

/* The longest header fills SIGN_HEADER_SIZE to the last byte. */
static void
test_most_keys(void **state)
{
	struct sign_key *keys[SIGN_KEYS_MAX];
	char *out = malloc(SIGN_HEADER_SIZE);
	(void)state;
	for (int i = 0; i < SIGN_KEYS_MAX; i++) {
		struct secret secret;
		sign_key_generate(&secret);
		keys[i] = sign_key_new(&secret);
	}
	size_t n = sign_header(keys, SIGN_KEYS_MAX, STR("msg_1"), INT64_MIN, STR("{}"), out);
	assert_int_equal(n, SIGN_HEADER_SIZE - 2);
	assert_int_equal(strlen(out), n);
	struct str rest = { out, n }, entry;
	int count = 0;
	while (str_split(&rest, ' ', &entry)) {
		unsigned char mac[32];
		size_t len;
		assert_true(str_starts(entry, STR("v1,")));
		assert_int_equal(
		    b64_decode((struct str){ entry.p + 3, entry.n - 3 }, mac, sizeof(mac), &len),
		    0);
		assert_int_equal(len, 32);
		count++;
	}
	assert_int_equal(count, SIGN_KEYS_MAX);
	for (int i = 0; i < SIGN_KEYS_MAX; i++)
		sign_key_free(keys[i]);
	free(out);
}

static void
test_key_text(void **state)
{
	const char *const texts[] = { KEY_T1, KEY_00_17, KEY_00_1F, KEY_00_3F, KEY_00_4A };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct secret secret;
		struct err e;
		char text[SIGN_TEXT_SIZE];
		assert_int_equal(sign_key_parse(str_of(texts[i]), &secret, &e), 0);
		sign_key_to_text(&secret, text);
		assert_string_equal(text, texts[i]);
	}
	struct secret one, two;
	char text[SIGN_TEXT_SIZE];
	struct err e;
	sign_key_generate(&one);
	assert_int_equal(one.len, SIGN_KEY_NEW);
	sign_key_to_text(&one, text);
	assert_int_equal(sign_key_parse(str_of(text), &two, &e), 0);
	assert_true(secret_eq(&one, (struct str){ (const char *)two.bytes, two.len }));
	sign_key_generate(&two);
	assert_false(secret_eq(&one, (struct str){ (const char *)two.bytes, two.len }));
}

static void
test_key_refuses(void **state)
{
	const struct str cases[] = {
		STR(""),
		STR("w"),
		STR("whsec_"),
		STR("whsec_%"),
		STR("whsec_wronglength"),
		STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY="), /* 23 bytes */
		STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKSw=="), /* 76 bytes */
		STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),       /* no prefix */
		STR("hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), /* another one */
		STR("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), /* prefixes have a case */
		STR("whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
		STR(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
		STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw "),
		STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
		STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\0"),
		STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"),              /* cut */
		STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),  /* no padding */
		STR("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9="), /* not canonical */
		STR("whsec_-_KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),             /* the URL alphabet */
		STR("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),  /* a public key */
		/* A private key of the asymmetric scheme, whole and cut: not ours to sign with. */
		STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9l"
		    "MicMFs6Kvg=="),
		STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct secret secret = { .len = 77 };
		struct err e = { 0 };
		if (sign_key_parse(cases[i], &secret, &e) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(e.kind, ERR_INVALID);
		assert_int_equal(secret.len, 77);
		if (cases[i].n > 12) /* no part of the key in the text */
			assert_null(strstr(e.text, "MfKQ"));
	}
}

static void
test_key_huge(void **state)
{
	size_t n = 1 << 20;
	char *text = malloc(n);
	struct secret secret;
	struct err e;
	(void)state;
	memset(text, 'A', n);
	memcpy(text, "whsec_", 6);
	assert_int_equal(sign_key_parse((struct str){ text, n }, &secret, &e), -1);
	assert_int_equal(sign_key_parse((struct str){ text, n - 2 }, &secret, &e), -1);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_not_the_text_as_key),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_most_keys),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_key_refuses),
		cmocka_unit_test(test_key_huge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
