/* Error values and the table behind their kinds (err_kinds.def). */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *code;
	int status;
	int exit_code;
	bool retryable;
} kinds[] = {
#define X(name, code, status, exit_code, retryable) { code, status, exit_code, retryable },
#include "base/err_kinds.def"
#undef X
};

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;
	e->kind = kind;
	e->origin[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int
err_errno(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	e->kind = kind;
	const char *name = strerrorname_np(saved);
	snprintf(e->origin, sizeof(e->origin), "%s", name ? name : "");
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	size_t n = strlen(e->text);
	const char *why = strerrordesc_np(saved);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", why ? why : "unknown error");
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) - 2)
		return -1;
	snprintf(text + n, sizeof(text) - (size_t)n, ": %.*s", (int)(sizeof(text) - (size_t)n - 3),
	    e->text);
	memcpy(e->text, text, sizeof(e->text));
	return -1;
}

const char *
err_code(enum err_kind kind)
{
	return kinds[kind].code;
}

int
err_status(enum err_kind kind)
{
	return kinds[kind].status;
}

int
err_exit_code(enum err_kind kind)
{
	return kinds[kind].exit_code;
}

bool
err_retryable(enum err_kind kind)
{
	return kinds[kind].retryable;
}
