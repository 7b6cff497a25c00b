/* One row of `types` per option type; each type's reader and writer stand side by side, and
 * read(write(v)) gives v (tests/unit/test_config.c, tests/fuzz/fuzz_config.c). */
#include "config/value.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- TEXT, SECRET, PEM ---------------------------------------------------------------- */

static int
text_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	if (text.n >= sizeof(ret->text))
		return err_set(e, ERR_CONFIG, "expected at most %d bytes", CONFIG_TEXT_MAX - 1);
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return err_set(e, ERR_CONFIG, "expected text without control characters");
	if (text.n)
		memcpy(ret->text, text.p, text.n);
	ret->text[text.n] = '\0';
	return 0;
}

static void
text_write(const void *v, struct buf *out)
{
	buf_adds(out, v);
}

static int
secret_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	ret->secret = (struct secret){ .len = 0 };
	if (secret_set(&ret->secret, text.p, text.n) < 0)
		return err_set(e, ERR_CONFIG, "expected at most %d bytes", SECRET_MAX);
	return 0;
}

static void
secret_write(const void *v UNUSED, struct buf *out UNUSED)
{
}

/* Lines may end with the two characters \n, for what has room for one line only. (No PEM has a
 * backslash.) Whether it is a key tells config_token_key. */
static int
pem_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	struct config_pem *pem = &ret->pem;
	pem->len = 0;
	for (size_t i = 0; i < text.n; i++) {
		bool line_end = text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'n';
		if (pem->len == sizeof(pem->bytes))
			return err_set(
			    e, ERR_CONFIG, "expected at most %d bytes of PEM", CONFIG_PEM_MAX);
		pem->bytes[pem->len++] = line_end ? '\n' : text.p[i];
		i += line_end;
	}
	return 0;
}

/* ---- BOOL ----------------------------------------------------------------------------- */

static const struct {
	const char *text;
	bool value;
} bool_words[] = {
	{ "true", true },
	{ "false", false },
	{ "yes", true },
	{ "no", false },
	{ "on", true },
	{ "off", false },
	{ "1", true },
	{ "0", false },
};

static int
bool_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(bool_words); i++) {
		if (str_eq_nocase(text, str_of(bool_words[i].text))) {
			ret->boolean = bool_words[i].value;
			return 0;
		}
	}
	return err_set(e, ERR_CONFIG, "expected true or false");
}

static void
bool_write(const void *v, struct buf *out)
{
	buf_adds(out, *(const bool *)v ? "true" : "false");
}

/* ---- INT, MS, BYTES: numbers with and without units ----------------------------------- */

struct unit {
	const char *name; /* "" stands for a number without a unit */
	int64_t factor;
};

/* Largest first: a value is written in the first unit that divides it. */
static const struct unit duration_units[] = {
	{ "y", INT64_C(365) * 86400000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ "", 1000 },
};

static const struct unit size_units[] = {
	{ "g", 1 << 30 },
	{ "m", 1 << 20 },
	{ "k", 1 << 10 },
	{ "", 1 },
};

/* A whole number and one of n units, in the smallest of them. */
static int
quantity_parse(struct str text, const struct unit *units, size_t n, int64_t *ret)
{
	struct str number = { text.p, 0 };
	while (number.n < text.n && text.p[number.n] >= '0' && text.p[number.n] <= '9')
		number.n++;
	struct str name = { text.p + number.n, text.n - number.n };
	for (size_t i = 0; i < n; i++) {
		int64_t v;
		if (!str_eq_nocase(name, str_of(units[i].name)))
			continue;
		if (str_to_i64(number, 0, INT64_MAX / units[i].factor, &v) < 0)
			return -1;
		*ret = v * units[i].factor;
		return 0;
	}
	return -1;
}

static void
quantity_write(int64_t v, const struct unit *units, size_t n, struct buf *out)
{
	size_t i = 0;
	while (i + 1 < n && (v == 0 || v % units[i].factor != 0))
		i++;
	buf_add_i64(out, v / units[i].factor);
	buf_adds(out, units[i].name);
}

/* "expected WHAT from MIN to MAX", the bounds in the form the type has. */
static int
range_error(struct err *e, enum value_type t, const char *what, struct value_range range)
{
	struct buf min, max;
	buf_init(&min, 64);
	buf_init(&max, 64);
	value_write(t, &range.min, &min);
	value_write(t, &range.max, &max);
	err_set(e, ERR_CONFIG, "expected %s from %s to %s", what, min.data, max.data);
	buf_free(&min);
	buf_free(&max);
	return -1;
}

static int
int_parse(struct str text, struct value_range range, union value *ret, struct err *e)
{
	if (str_to_i64(text, range.min, range.max, &ret->number) < 0)
		return range_error(e, VALUE_INT, "a whole number", range);
	return 0;
}

static void
int_write(const void *v, struct buf *out)
{
	buf_add_i64(out, *(const int64_t *)v);
}

int
value_duration(struct str text, int64_t *ret_ms)
{
	return quantity_parse(text, duration_units, ARRAY_LEN(duration_units), ret_ms);
}

static int
ms_parse(struct str text, struct value_range range, union value *ret, struct err *e)
{
	int64_t v;
	if (value_duration(text, &v) < 0 || v < range.min || v > range.max)
		return range_error(e, VALUE_MS, "a duration like 250ms, 30s, 5m, 2h or 7d", range);
	ret->number = v;
	return 0;
}

static void
ms_write(const void *v, struct buf *out)
{
	/* Without the years, which nobody expects to read for "365d", and without the bare number.
	 */
	quantity_write(*(const int64_t *)v, duration_units + 1, ARRAY_LEN(duration_units) - 2, out);
}

static int
bytes_parse(struct str text, struct value_range range, union value *ret, struct err *e)
{
	int64_t v;
	if (quantity_parse(text, size_units, ARRAY_LEN(size_units), &v) < 0 || v < range.min ||
	    v > range.max)
		return range_error(e, VALUE_BYTES, "a size in bytes like 64k, 2m or 1g", range);
	ret->number = v;
	return 0;
}

static void
bytes_write(const void *v, struct buf *out)
{
	quantity_write(*(const int64_t *)v, size_units, ARRAY_LEN(size_units), out);
}

/* ---- CIDRS ---------------------------------------------------------------------------- */

static int
cidrs_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	if (address_policy_parse(text, &ret->cidrs, e) == 0)
		return 0;
	e->kind = ERR_CONFIG;
	return -1;
}

static void
cidr_write(const struct address_range *r, struct buf *out)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	bool v4 = r->bits >= 96 && memcmp(r->bytes, mapped, sizeof(mapped)) == 0;
	inet_ntop(v4 ? AF_INET : AF_INET6, r->bytes + (v4 ? 12 : 0), text, sizeof(text));
	buf_addf(out, "%s/%d", text, v4 ? r->bits - 96 : r->bits);
}

static void
cidrs_write(const void *v, struct buf *out)
{
	const struct address_policy *p = v;
	for (int i = 0; i < p->n; i++) {
		if (i > 0)
			buf_adds(out, ", ");
		cidr_write(&p->allow[i], out);
	}
}

/* ---- SCHEDULE ------------------------------------------------------------------------- */

static int
schedule_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	if (backoff_parse(text, &ret->schedule, e) == 0)
		return 0;
	e->kind = ERR_CONFIG;
	return -1;
}

static void
schedule_write(const void *v, struct buf *out)
{
	const struct backoff *b = v;
	for (int i = 0; i < b->steps; i++) {
		int64_t ms = b->delay_ms[i];
		buf_addf(out, "%s%lld", i > 0 ? ", " : "", (long long)(ms / 1000));
		if (ms % 1000 != 0)
			buf_addf(out, ".%03d", (int)(ms % 1000));
	}
}

/* ---- LEVEL, FORMAT, SIGNATURE, VALIDATION, TOKEN_ALG ---------------------------------- */

static const char *const levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
static const char *const formats[] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
};
static const char *const signatures[] = {
	[SIGN_HMAC] = "hmac",
	[SIGN_ED25519] = "ed25519",
};

static const char *const validations[] = {
	[VALIDATION_OFF] = "off",
	[VALIDATION_WARN] = "warn",
	[VALIDATION_BLOCK] = "block",
};

/* Position of text in words, or -1. */
static int
word_find(struct str text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(text, str_of(words[i])))
			return (int)i;
	return -1;
}

static int
level_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	int i = word_find(text, levels, ARRAY_LEN(levels));
	if (i < 0)
		return err_set(e, ERR_CONFIG, "expected error, warn, info or debug");
	ret->level = (enum log_level)i;
	return 0;
}

static void
level_write(const void *v, struct buf *out)
{
	buf_adds(out, levels[*(const enum log_level *)v]);
}

static int
format_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	int i = word_find(text, formats, ARRAY_LEN(formats));
	if (i < 0)
		return err_set(e, ERR_CONFIG, "expected logfmt or json");
	ret->format = (enum log_format)i;
	return 0;
}

static void
format_write(const void *v, struct buf *out)
{
	buf_adds(out, formats[*(const enum log_format *)v]);
}

static int
signature_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	int i = word_find(text, signatures, ARRAY_LEN(signatures));
	if (i < 0)
		return err_set(e, ERR_CONFIG, "expected hmac or ed25519");
	ret->signature = (enum sign_kind)i;
	return 0;
}

static void
signature_write(const void *v, struct buf *out)
{
	buf_adds(out, signatures[*(const enum sign_kind *)v]);
}

static int
validation_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	int i = word_find(text, validations, ARRAY_LEN(validations));
	if (i < 0)
		return err_set(e, ERR_CONFIG, "expected off, warn or block");
	ret->validation = (enum validation)i;
	return 0;
}

static void
validation_write(const void *v, struct buf *out)
{
	buf_adds(out, validations[*(const enum validation *)v]);
}

static int
token_alg_parse(struct str text, struct value_range range UNUSED, union value *ret, struct err *e)
{
	int i = word_find(text, token_alg_names, TOKEN_ALGS);
	if (i < 0)
		return err_set(
		    e, ERR_CONFIG, "expected HS256, HS384, HS512, RS256, RS384, RS512 or EdDSA");
	ret->token_alg = (enum token_alg)i;
	return 0;
}

static void
token_alg_write(const void *v, struct buf *out)
{
	buf_adds(out, token_alg_names[*(const enum token_alg *)v]);
}

/* ---- the table ------------------------------------------------------------------------ */

static const struct {
	int (*parse)(struct str text, struct value_range range, union value *ret, struct err *e);
	void (*write)(const void *v, struct buf *out);
	size_t size;
	const char *placeholder;
	const char *syntax;
} types[VALUE_TYPES] = {
	[VALUE_TEXT] = { text_parse, text_write, sizeof(config_text), "TEXT", "text" },
	[VALUE_SECRET] = { secret_parse, secret_write, sizeof(struct secret), "SECRET",
	    "secret, at most 128 bytes" },
	[VALUE_BOOL] = { bool_parse, bool_write, sizeof(bool), "BOOL", "true or false" },
	[VALUE_INT] = { int_parse, int_write, sizeof(int64_t), "N", "whole number" },
	[VALUE_MS] = { ms_parse, ms_write, sizeof(int64_t), "DURATION",
	    "duration: `250ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds" },
	[VALUE_BYTES] = { bytes_parse, bytes_write, sizeof(int64_t), "SIZE",
	    "size: `64k`, `2m`, `1g`; a bare number is bytes" },
	[VALUE_CIDRS] = { cidrs_parse, cidrs_write, sizeof(struct address_policy), "CIDRS",
	    "comma-separated addresses and CIDR ranges" },
	[VALUE_SCHEDULE] = { schedule_parse, schedule_write, sizeof(struct backoff), "SCHEDULE",
	    "comma-separated seconds, or `exponential base=… factor=… cap=… attempts=…`" },
	[VALUE_LEVEL] = { level_parse, level_write, sizeof(enum log_level), "LEVEL",
	    "`error`, `warn`, `info` or `debug`" },
	[VALUE_FORMAT] = { format_parse, format_write, sizeof(enum log_format), "FORMAT",
	    "`logfmt` or `json`" },
	[VALUE_SIGNATURE] = { signature_parse, signature_write, sizeof(enum sign_kind), "ALGORITHM",
	    "`hmac` or `ed25519`" },
	[VALUE_VALIDATION] = { validation_parse, validation_write, sizeof(enum validation), "WHAT",
	    "`off`, `warn` or `block`" },
	[VALUE_TOKEN_ALG] = { token_alg_parse, token_alg_write, sizeof(enum token_alg), "ALGORITHM",
	    "`HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512` or `EdDSA`" },
	[VALUE_PEM] = { pem_parse, secret_write, sizeof(struct config_pem), "PEM",
	    "key in PEM, at most 4096 bytes; in one line with `\\n` for the ends of lines" },
};

bool
value_is_secret(enum value_type t)
{
	return t == VALUE_SECRET || t == VALUE_PEM;
}

int
value_parse(
    enum value_type t, struct str text, struct value_range range, union value *ret, struct err *e)
{
	/* Blanks around a value mean nothing, except in a secret, where every byte counts. */
	return types[t].parse(t == VALUE_SECRET ? text : str_trim(text), range, ret, e);
}

void
value_write(enum value_type t, const void *v, struct buf *out)
{
	types[t].write(v, out);
}

bool
value_is_set(enum value_type t, const void *v)
{
	return t == VALUE_PEM ? ((const struct config_pem *)v)->len > 0
			      : ((const struct secret *)v)->len > 0;
}

size_t
value_size(enum value_type t)
{
	return types[t].size;
}

const char *
value_placeholder(enum value_type t)
{
	return types[t].placeholder;
}

const char *
value_syntax(enum value_type t)
{
	return types[t].syntax;
}
