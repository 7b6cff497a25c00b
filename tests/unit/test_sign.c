/* Unit tests of policy/sign: vectors shared with the libraries of receivers, keys that must be
 * refused, and a context that is used again and again. */
#include <stdio.h>
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
#define PAIR_A1                                                                                     \
	"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K" \
	"vg=="
#define PUBLIC_A1 "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define PAIR_A3                                                                                     \
	"whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUx" \
	"uA=="
#define SEED_A3   "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define PUBLIC_A3 "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
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
	/* In the tests of the server that brought v1a into the world; A2 to A4 computed. */
	{ "A1", { PAIR_A1 }, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
	    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m"
	    "7TBAg==" },
	{ "A2", { PAIR_A1 }, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1674087231, BODY_1,
	    "v1a,LvaM/XV2eiveYbh3nDJB9CFU6SgUQsSFO7Nz5u3M+PUesso2vWw2zj6zoee2ijOae0RluTX9xaoEs9uSS"
	    "J/uDg==" },
	{ "A3, no body", { PAIR_A3 }, "msg_0001", 1700000000, "",
	    "v1a,mPBIvoqTUodEIXizGasFiWH601hMj3IJUa2005ufeMXVfjqPW68mBi9m7DMxG2Eoye7J/zvIqFVgzr71m"
	    "akxBg==" },
	{ "A4", { PAIR_A3 }, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1674087231, BODY_1,
	    "v1a,9WMPN5fBW9vm1uGlvFzBO4lpdfFKN4AQCSr2vrWsFuOibXSOTWlcWrPRSWk+YpmD9fAwgYREKtLcYCyZr"
	    "vXFBw==" },
	{ "A4 and T3, both kinds", { PAIR_A3, KEY_00_1F }, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
	    1674087231, BODY_1,
	    "v1a,9WMPN5fBW9vm1uGlvFzBO4lpdfFKN4AQCSr2vrWsFuOibXSOTWlcWrPRSWk+YpmD9fAwgYREKtLcYCyZr"
	    "vXFBw== v1,4PMU5Dl90B4kgwxDpwuMZ/cnZ5ztf+Y+kviYQD66rJg=" },
};

static struct str
bytes_of(const struct sign_secret *s)
{
	return (struct str){ (const char *)s->key.bytes, s->key.len };
}

static struct sign_key *
key_of(const char *text)
{
	struct sign_secret secret;
	struct err e;
	if (sign_key_parse(str_of(text), &secret, &e))
		fail_msg("%s", e.text);
	struct sign_key *k = sign_key_new(&secret);
	sign_secret_wipe(&secret); /* the key has its own copy */
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
		struct sign_secret secret;
		secret.kind = SIGN_HMAC;
		assert_int_equal(
		    secret_set(&secret.key, mistakes[i].key, strlen(mistakes[i].key)), 0);
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
		struct sign_secret secret;
		sign_key_generate(SIGN_ED25519, &secret);
		keys[i] = sign_key_new(&secret);
	}
	size_t n = sign_header(keys, SIGN_KEYS_MAX, STR("msg_1"), INT64_MIN, STR("{}"), out);
	assert_int_equal(n, SIGN_HEADER_SIZE - 1);
	assert_int_equal(strlen(out), n);
	struct str rest = { out, n }, entry;
	int count = 0;
	while (str_split(&rest, ' ', &entry)) {
		unsigned char mac[64];
		size_t len;
		assert_true(str_starts(entry, STR("v1a,")));
		assert_int_equal(
		    b64_decode((struct str){ entry.p + 4, entry.n - 4 }, mac, sizeof(mac), &len),
		    0);
		assert_int_equal(len, 64);
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
	const char *const texts[] = { KEY_T1, KEY_00_17, KEY_00_1F, KEY_00_3F, KEY_00_4A, PAIR_A1,
		PAIR_A3 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct sign_secret secret;
		struct err e;
		char text[SIGN_TEXT_SIZE];
		assert_int_equal(sign_key_parse(str_of(texts[i]), &secret, &e), 0);
		sign_key_to_text(&secret, text);
		assert_string_equal(text, texts[i]);
	}
	const enum sign_kind kinds[] = { SIGN_HMAC, SIGN_ED25519 };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct sign_secret one, two;
		char text[SIGN_TEXT_SIZE];
		struct err e;
		sign_key_generate(kinds[i], &one);
		assert_int_equal(one.key.len, i ? 64 : SIGN_KEY_NEW);
		sign_key_to_text(&one, text);
		assert_int_equal(sign_key_parse(str_of(text), &two, &e), 0);
		assert_int_equal(two.kind, kinds[i]);
		assert_true(secret_eq(&one.key, bytes_of(&two)));
		sign_key_generate(kinds[i], &two);
		assert_false(secret_eq(&one.key, bytes_of(&two)));
	}
}

/* A private key alone gives the same pair; what is shown of a pair verifies, and is no secret. */
static void
test_pair_text(void **state)
{
	struct sign_secret seed, pair;
	char text[SIGN_TEXT_SIZE];
	struct err e;
	(void)state;
	assert_int_equal(sign_key_parse(str_of(SEED_A3), &seed, &e), 0);
	assert_int_equal(sign_key_parse(str_of(PAIR_A3), &pair, &e), 0);
	assert_int_equal(seed.kind, SIGN_ED25519);
	assert_true(secret_eq(&seed.key, bytes_of(&pair)));
	sign_key_to_shown(&pair, text);
	assert_string_equal(text, PUBLIC_A3);
	assert_int_equal(sign_key_parse(str_of(text), &pair, &e), -1);
	assert_int_equal(sign_key_parse(str_of(KEY_00_1F), &pair, &e), 0);
	sign_key_to_shown(&pair, text);
	assert_string_equal(text, KEY_00_1F);
}

/* A text key stands for itself, and is none of ours in disguise. */
static void
test_any_text(void **state)
{
	char longest[SIGN_TEXT_MAX + 2], text[SIGN_TEXT_SIZE];
	struct sign_secret s;
	struct err e;
	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[SIGN_TEXT_MAX + 1] = '\0';
	assert_int_equal(sign_text_parse(str_of(longest), &s, &e), -1);
	assert_int_equal(sign_text_parse(STR(""), &s, &e), -1);
	assert_int_equal(sign_text_parse(str_of(PUBLIC_A3), &s, &e), -1);
	assert_int_equal(sign_text_parse(str_of(PAIR_A3), &s, &e), -1);
	longest[SIGN_TEXT_MAX] = '\0';
	const char *const texts[] = { longest, "x", "It's a Secret", "whsec_test_secret" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(sign_text_parse(str_of(texts[i]), &s, &e), 0);
		assert_int_equal(s.kind, SIGN_TEXT);
		sign_key_to_text(&s, text);
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(sign_text_parse(str_of(KEY_00_1F), &s, &e), 0);
	assert_int_equal(s.kind, SIGN_HMAC);
}

/* The text of a key is the key: github.com's published example, and their older hash. */
static void
test_text_keys_sign(void **state)
{
	static const struct {
		const char *hash, *key, *body, *hex;
	} cases[] = {
		{ "SHA256", "It's a Secret to Everybody", "Hello, World!",
		    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" },
		{ "SHA1", "It's a Secret to Everybody", "Hello, World!",
		    "01dc10d0c83e72ed246219cdd91669667fe2ca59" },
		{ "SHA256", "mysecret", "{\"foo\":\"bar\"}",
		    "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char code[SIGN_MAC_MAX];
		char hex[2 * SIGN_MAC_MAX + 1];
		struct sign_secret s;
		struct err e;
		assert_int_equal(sign_text_parse(str_of(cases[i].key), &s, &e), 0);
		struct sign_key *k = sign_key_new_text(&s, cases[i].hash);
		const struct str parts[] = { { cases[i].body, 5 }, str_of(cases[i].body + 5) };
		size_t n = sign_parts(k, parts, ARRAY_LEN(parts), code);
		for (size_t b = 0; b < n; b++)
			snprintf(hex + 2 * b, 3, "%02x", code[b]);
		assert_string_equal(hex, cases[i].hex);
		sign_key_free(k);
	}
	struct sign_secret pair;
	sign_key_generate(SIGN_ED25519, &pair);
	assert_null(sign_key_new_text(&pair, "SHA256"));
}

static void
test_public_key_verifies(void **state)
{
	const struct vector *v = &vectors[9];
	const char *const other =
	    "v1a,mPBIvoqTUodEIXizGasFiWH601hMj3IJUa2005ufeMXVfjqPW68mBi9m7DMxG2"
	    "Eoye7J/zvIqFVgzr71makxBg==";
	unsigned char key[SIGN_PUBLIC_SIZE];
	struct err e;
	(void)state;
	assert_int_equal(sign_public_parse(str_of(PUBLIC_A1), key, &e), 0);
	struct str id = str_of(v->id), body = str_of(v->body), signature = str_of(v->wanted);
	assert_true(sign_public_verifies(key, id, v->timestamp_s, body, signature));
	assert_false(sign_public_verifies(key, id, v->timestamp_s + 1, body, signature));
	assert_false(sign_public_verifies(key, STR("msg_x"), v->timestamp_s, body, signature));
	assert_false(sign_public_verifies(key, id, v->timestamp_s, STR(""), signature));
	assert_false(sign_public_verifies(key, id, v->timestamp_s, body, str_of(other)));
	assert_false(sign_public_verifies(key, id, v->timestamp_s, body, STR("")));
	assert_false(sign_public_verifies(key, id, v->timestamp_s, body, STR("v1a,AAAA")));
	key[0] ^= 1;
	assert_false(sign_public_verifies(key, id, v->timestamp_s, body, signature));
	const char *const bad[] = { "", "whpk_", "whpk_AAAA", PAIR_A1, KEY_00_1F };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sign_public_parse(str_of(bad[i]), key, &e), -1);
}

static void
test_key_refuses(void **state)
{
	const struct str cases[] = {
		STR(""), STR("w"), STR("whsec_"), STR("whsec_%"), STR("whsec_wronglength"),
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
		/* A pair that is cut, one whose halves are strangers, and one with more behind. */
		STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9l"),
		STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9l"
		    "MicMFs6Kvw=="),
		STR("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9l"
		    "MicMFs6KvgAA"),
		STR("whsk_"), STR("whsk_%"),
		STR("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), /* 24 bytes */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sign_secret secret = { .key.len = 77 };
		struct err e = { 0 };
		if (sign_key_parse(cases[i], &secret, &e) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(e.kind, ERR_INVALID);
		assert_int_equal(secret.key.len, 77);
		if (cases[i].n > 12) /* no part of the key in the text */
			assert_null(strstr(e.text, "MfKQ"));
	}
}

static void
test_key_huge(void **state)
{
	size_t n = 1 << 20;
	char *text = malloc(n);
	struct sign_secret secret;
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
		cmocka_unit_test(test_pair_text),
		cmocka_unit_test(test_any_text),
		cmocka_unit_test(test_text_keys_sign),
		cmocka_unit_test(test_public_key_verifies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
