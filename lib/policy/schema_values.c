/* What a schema asks of a value as such (validation-01, 6.1 to 6.3, 6.4.5, 7), and when two values
 * are the same.
 *
 * Integers are jansson's 64 bits; a real is a double. Every walk through a value costs a step for
 * each part of it. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "policy/schema-internal.h"

/* ---- numbers ---- */

#define INT_EDGE 9223372036854775808.0 /* 2^63 */

static int
compare_mixed(json_int_t a, double b)
{
	if (b >= INT_EDGE)
		return -1;
	if (b < -INT_EDGE)
		return 1;
	json_int_t whole = (json_int_t)b;
	if (a != whole)
		return a < whole ? -1 : 1;
	double part = b - (double)whole;
	return part > 0 ? -1 : part < 0 ? 1 : 0;
}

/* Less than 0, 0, more than 0. Exact, integers and reals mixed. */
static int
number_compare(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a), y = json_integer_value(b);
		return (x > y) - (x < y);
	}
	if (json_is_integer(a))
		return compare_mixed(json_integer_value(a), json_real_value(b));
	if (json_is_integer(b))
		return -compare_mixed(json_integer_value(b), json_real_value(a));
	double x = json_real_value(a), y = json_real_value(b);
	return (x > y) - (x < y);
}

bool
number_is_integer(const json_t *v)
{
	return json_is_integer(v) ||
	       (json_is_real(v) && trunc(json_real_value(v)) == json_real_value(v));
}

static bool
is_whole(double x)
{
	return fabs(x - nearbyint(x)) <= 4 * DBL_EPSILON * fabs(x);
}

/* In binary 0.0075 is no multiple of 0.0001: what division leaves is forgiven as far as it may stem
 * from the two numbers' own last bits. Where that would forgive anything, fmod is exact. */
static bool
is_multiple(const json_t *v, const json_t *of)
{
	if (json_is_integer(v) && json_is_integer(of))
		return json_integer_value(v) % json_integer_value(of) == 0;
	double value = json_number_value(v), unit = json_number_value(of);
	double quotient = value / unit;
	if (isfinite(quotient) && fabs(quotient) < 1 / (16 * DBL_EPSILON))
		return is_whole(quotient);
	if (number_is_integer(v) && 1 / unit < 1 / (16 * DBL_EPSILON) && is_whole(1 / unit))
		return true; /* a tenth, a hundredth, … */
	double rest = fmod(value, unit);
	return !(rest < 0 || rest > 0);
}

bool
holds_multiple_of(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_number(v) || is_multiple(v, r->json) ||
	       judge_blame(j, r, NULL, "must be a multiple of %g", json_number_value(r->json));
}

bool
holds_minimum(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_number(v) || number_compare(v, r->json) >= 0 ||
	       judge_blame(j, r, NULL, "must be at least %g", json_number_value(r->json));
}

bool
holds_maximum(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_number(v) || number_compare(v, r->json) <= 0 ||
	       judge_blame(j, r, NULL, "may be %g at most", json_number_value(r->json));
}

bool
holds_above(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_number(v) || number_compare(v, r->json) > 0 ||
	       judge_blame(j, r, NULL, "must be more than %g", json_number_value(r->json));
}

bool
holds_below(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_number(v) || number_compare(v, r->json) < 0 ||
	       judge_blame(j, r, NULL, "must be less than %g", json_number_value(r->json));
}

/* ---- types ---- */

const char *const type_names[TYPES] = { "array", "boolean", "integer", "null", "number", "object",
	"string" };

static unsigned
type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return TYPE_OBJECT;
	case JSON_ARRAY:
		return TYPE_ARRAY;
	case JSON_STRING:
		return TYPE_STRING;
	case JSON_INTEGER:
	case JSON_REAL:
		return TYPE_NUMBER | (number_is_integer(v) ? TYPE_INTEGER : 0);
	case JSON_TRUE:
	case JSON_FALSE:
		return TYPE_BOOLEAN;
	case JSON_NULL:
		break;
	}
	return TYPE_NULL;
}

bool
holds_type(struct judge *j, const struct rule *r, const json_t *v)
{
	if (type_of(v) & r->types)
		return true;
	char list[128] = "";
	size_t n = 0;
	for (int i = 0; i < TYPES; i++)
		if (r->types >> i & 1)
			n += (size_t)snprintf(
			    list + n, sizeof(list) - n, "%s%s", n ? " or " : "", type_names[i]);
	return judge_blame(j, r, NULL, "must be of type %s", list);
}

/* ---- texts ---- */

static struct str
text_of(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static size_t
length_of(struct judge *j, const json_t *v)
{
	struct str s = text_of(v);
	return judge_spend(j, s.n / 64) ? utf8_length(s.p, s.n) : 0;
}

bool
holds_min_length(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_string(v) || length_of(j, v) >= r->count ||
	       judge_blame(j, r, NULL, "must have at least %zu characters", r->count);
}

bool
holds_max_length(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_string(v) || length_of(j, v) <= r->count ||
	       judge_blame(j, r, NULL, "may have %zu characters at most", r->count);
}

bool
holds_pattern(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_string(v) || judge_matches(j, r->pattern, text_of(v)) ||
	       judge_blame(j, r, NULL, "does not match the pattern");
}

bool
holds_format(struct judge *j, const struct rule *r, const json_t *v)
{
	if (!json_is_string(v) || !judge_spend(j, json_string_length(v) / 16))
		return !j->beyond;
	return r->format.fits(text_of(v)) ||
	       judge_blame(j, r, NULL, "is no valid %s", r->format.name);
}

/* ---- the same value ---- */

static bool judge_same(struct judge *j, const json_t *a, const json_t *b);

static bool
same_objects(struct judge *j, const json_t *a, const json_t *b)
{
	if (json_object_size(a) != json_object_size(b))
		return false;
	void *at = json_object_iter(json_mutable(a));
	for (; at; at = json_object_iter_next(json_mutable(a), at)) {
		const json_t *other = json_object_get(b, json_object_iter_key(at));
		if (!other || !judge_same(j, json_object_iter_value(at), other))
			return false;
	}
	return true;
}

static bool
same_arrays(struct judge *j, const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!judge_same(j, json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

/* As JSON Schema has it: 1 is 1.0. Costs steps. */
static bool
judge_same(struct judge *j, const json_t *a, const json_t *b)
{
	if (!judge_spend(j, 1))
		return false;
	if (json_is_number(a) && json_is_number(b))
		return number_compare(a, b) == 0;
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_object(a))
		return same_objects(j, a, b);
	if (json_is_array(a))
		return same_arrays(j, a, b);
	if (json_is_string(a))
		return judge_spend(j, json_string_length(a) / 64) && str_eq(text_of(a), text_of(b));
	return true;
}

bool
holds_const(struct judge *j, const struct rule *r, const json_t *v)
{
	return judge_same(j, v, r->json) || judge_blame(j, r, NULL, "is not the one value allowed");
}

bool
holds_enum(struct judge *j, const struct rule *r, const json_t *v)
{
	for (size_t i = 0; !j->beyond && i < json_array_size(r->json); i++)
		if (judge_same(j, v, json_array_get(r->json, i)))
			return true;
	return judge_blame(j, r, NULL, "is none of the values allowed");
}

/* ---- uniqueItems: sorted by a hash, so that n elements do not take n * n comparisons ---- */

struct hashed {
	uint64_t hash;
	const json_t *value;
};

static uint64_t
hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *byte = p;
	for (size_t i = 0; i < n; i++)
		h = (h ^ byte[i]) * 0x100000001b3u; /* FNV-1a */
	return h;
}

/* The same for the same values (judge_same). */
static uint64_t
hash_value(struct judge *j, const json_t *v)
{
	uint64_t h = 0xcbf29ce484222325u ^ (type_of(v) & ~(unsigned)TYPE_INTEGER);
	if (!judge_spend(j, 1))
		return h;
	if (json_is_number(v)) {
		double number = json_number_value(v) + 0.0; /* -0.0 as 0.0 */
		return hash_bytes(h, &number, sizeof(number));
	}
	if (json_is_string(v))
		return judge_spend(j, json_string_length(v) / 16)
			   ? hash_bytes(h, json_string_value(v), json_string_length(v))
			   : h;
	if (json_is_boolean(v))
		return h + json_is_true(v);
	for (size_t i = 0; i < json_array_size(v); i++) {
		uint64_t item = hash_value(j, json_array_get(v, i));
		h = hash_bytes(h, &item, sizeof(item));
	}
	void *at = json_object_iter(json_mutable(v));
	for (; at; at = json_object_iter_next(json_mutable(v), at)) { /* in any order */
		const char *key = json_object_iter_key(at);
		uint64_t member = hash_value(j, json_object_iter_value(at));
		h += hash_bytes(member, key, strlen(key));
	}
	return h;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64_t x = ((const struct hashed *)a)->hash, y = ((const struct hashed *)b)->hash;
	return (x > y) - (x < y);
}

static bool
has_twins(struct judge *j, const struct hashed *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && list[k].hash == list[i].hash; k++)
			if (judge_same(j, list[i].value, list[k].value) || j->beyond)
				return true;
	return false;
}

bool
holds_unique(struct judge *j, const struct rule *r, const json_t *v)
{
	size_t n = json_array_size(v);
	if (n < 2 || !judge_spend(j, n))
		return !j->beyond;
	struct hashed *list = mem_alloc(sizeof(*list) * n);
	for (size_t i = 0; i < n; i++)
		list[i] =
		    (struct hashed){ hash_value(j, json_array_get(v, i)), json_array_get(v, i) };
	qsort(list, n, sizeof(*list), compare_hashes);
	bool twins = has_twins(j, list, n);
	free(list);
	return !twins || judge_blame(j, r, NULL, "has two elements that are the same");
}
