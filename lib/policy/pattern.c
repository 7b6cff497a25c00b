/* Regular expressions, bounded (pattern.h).
 *
 * PCRE2's own match limit counts anew for each place where a match may start, so it bounds nothing
 * on a long text. The steps are counted here: PCRE2 calls out before each item of the expression,
 * and a step costs one and a sixteenth of the bytes it went over. Its limits of depth and heap stay
 * as a second belt. See pcre2callout(3), pcre2api(3). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "policy/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

#include "base/mem.h"

#define NEST_MAX       100    /* parentheses in one another */
#define MATCH_MAX      100000 /* backtracking points, for each start */
#define HEAP_MAX_KIB   4096
#define BYTES_PER_STEP 16

struct pattern {
	pcre2_code *code;
	size_t bytes;
};

struct matcher {
	pcre2_match_data *data;
	pcre2_match_context *context;
	int64_t *steps;    /* of the match under way */
	PCRE2_SIZE before; /* where its last step stood */
};

/* ---- compiling ---- */

static pcre2_compile_context *
context_new(void)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context)
		abort();
	pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
	pcre2_set_parens_nest_limit(context, NEST_MAX);
	pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
	return context;
}

int
pattern_new(struct str text, struct pattern **ret, struct err *e)
{
	const uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF |
				 PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
				 PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
	int number;
	PCRE2_SIZE offset;
	if (text.n > PATTERN_MAX)
		return err_set(e, ERR_INVALID, "longer than %d bytes", PATTERN_MAX);
	pcre2_compile_context *context = context_new();
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &number, &offset, context);
	pcre2_compile_context_free(context);
	if (!code) {
		PCRE2_UCHAR why[128];
		pcre2_get_error_message(number, why, sizeof(why));
		return err_set(e, ERR_INVALID, "no regular expression (at %zu: %s)", offset,
		    (const char *)why);
	}
	struct pattern *p = mem_alloc(sizeof(*p));
	p->code = code;
	pcre2_pattern_info(code, PCRE2_INFO_SIZE, &p->bytes);
	*ret = p;
	return 0;
}

void
pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	free(p);
}

size_t
pattern_bytes(const struct pattern *p)
{
	return p->bytes;
}

/* ---- matching ---- */

static int
on_step(pcre2_callout_block *at, void *arg)
{
	struct matcher *m = arg;
	PCRE2_SIZE now = at->current_position;
	PCRE2_SIZE moved = now > m->before ? now - m->before : m->before - now;
	*m->steps -= 1 + (int64_t)(moved / BYTES_PER_STEP);
	m->before = now;
	return *m->steps > 0 ? 0 : PCRE2_ERROR_CALLOUT;
}

struct matcher *
matcher_new(void)
{
	struct matcher *m = mem_zalloc(sizeof(*m));
	m->data = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	if (!m->data || !m->context)
		abort();
	pcre2_set_callout(m->context, on_step, m);
	pcre2_set_match_limit(m->context, MATCH_MAX);
	pcre2_set_heap_limit(m->context, HEAP_MAX_KIB);
	return m;
}

void
matcher_free(struct matcher *m)
{
	if (!m)
		return;
	pcre2_match_context_free(m->context);
	pcre2_match_data_free(m->data);
	free(m);
}

enum found_pattern
pattern_find(struct matcher *m, const struct pattern *p, struct str text, int64_t *steps)
{
	*steps -= 1 + (int64_t)(text.n / BYTES_PER_STEP); /* what it skips without a step */
	if (*steps <= 0)
		return PATTERN_BEYOND;
	m->steps = steps;
	m->before = 0;
	int n = pcre2_match(
	    p->code, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_UTF_CHECK, m->data, m->context);
	if (n >= 0)
		return PATTERN_FOUND;
	return n == PCRE2_ERROR_NOMATCH ? PATTERN_ABSENT : PATTERN_BEYOND;
}
