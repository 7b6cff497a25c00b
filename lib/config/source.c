/* Where options come from: the file and the environment. (Flags are read by the commands.)
 *
 * The file is read by libinih, with these choices: no continuation lines (an indented line is a
 * line of its own), no comments behind a value (a secret may hold " ;"), no line that is silently
 * cut: the library's own limit is 200 bytes and it reads on with the rest of a longer line as if it
 * were the next one, so the lines are measured before. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/mem.h"

#include "config/config.h"
#include "config/option.h"

#define FILE_BYTES_MAX (64 << 10)
#define LINE_BYTES_MAX (4 << 10)

/* ---- files ---------------------------------------------------------------------------- */

/* The whole of a small file, NUL-terminated. ERR_CONFIG past the maximum of *out less a block. */
static int
read_small_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_CONFIG, "cannot open %s", path);
	ssize_t n;
	do {
		char *room = buf_reserve(out, 4096);
		n = room ? read(fd, room, 4096) : 0;
		if (n > 0)
			out->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		err_errno(e, ERR_CONFIG, "cannot read %s", path);
	else if (out->failed)
		err_set(e, ERR_CONFIG, "%s is larger than %zu bytes", path, out->max - 4096);
	close(fd);
	if (n < 0 || out->failed)
		return -1;
	buf_addc(out, '\0');
	out->len--;
	return 0;
}

struct file_reader {
	struct config *config;
	struct err *e;
	bool failed;               /* *e is set */
	bool seen[CONFIG_OPTIONS]; /* a second line for one option is a mistake, not a choice */
};

static int
on_line(void *arg, const char *section UNUSED, const char *name, const char *value)
{
	struct file_reader *r = arg;
	if (r->failed)
		return 0;
	int i = option_find(str_of(name));
	if (i >= 0 && r->seen[i]) {
		err_set(r->e, ERR_CONFIG, "%s is set twice", options[i].name);
		r->failed = true;
		return 0;
	}
	if (i >= 0)
		r->seen[i] = true;
	r->failed = config_set(r->config, name, value, CONFIG_FROM_FILE, r->e) < 0;
	return !r->failed;
}

/* Number of the first line that libinih would cut, or 0. */
static int
first_long_line(struct str text)
{
	struct str line;
	for (int number = 1; str_split(&text, '\n', &line); number++)
		if (line.n >= LINE_BYTES_MAX)
			return number;
	return 0;
}

int
config_read_text(struct config *c, const char *path, struct str text, struct err *e)
{
	if (text.n && memchr(text.p, '\0', text.n))
		return err_set(e, ERR_CONFIG, "%s is not a text file: it holds a NUL byte", path);
	int line = first_long_line(text);
	if (line > 0)
		return err_set(e, ERR_CONFIG, "%s line %d: longer than %d bytes", path, line,
		    LINE_BYTES_MAX - 1);

	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_stop_on_first_error = true;
	ini_use_stack = false;
	ini_max_line = ini_initial_alloc = LINE_BYTES_MAX + 3; /* with CR, LF and NUL */

	char *copy = mem_strndup(text.n ? text.p : "", text.n);
	struct file_reader r = { .config = c, .e = e };
	line = ini_parse_string(copy, on_line, &r);
	explicit_bzero(copy, text.n);
	free(copy);
	if (r.failed)
		return err_prefix(e, "%s line %d", path, line);
	if (line != 0)
		return err_set(e, ERR_CONFIG, "%s line %d: expected name = value", path, line);
	return 0;
}

int
config_read_file(struct config *c, const char *path, struct err *e)
{
	struct buf text;
	buf_init(&text, FILE_BYTES_MAX + 4096);
	int r = read_small_file(path, &text, e);
	if (r == 0)
		r = config_read_text(c, path, (struct str){ text.data, text.len }, e);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	return r;
}

/* ---- the environment ------------------------------------------------------------------ */

/* Variables with our prefix that are none of the options. */
static bool
is_foreign(struct str name)
{
	static const char *const others[] = {
		"TOKEN",
		"URL",
		"CONFIG",
#ifdef POSTHORN_FAULTS
		"FAULT",
		"FAULT_PAGE",
#endif
	};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (str_eq(name, str_of(others[i])))
			return true;
	return str_starts(name, STR("TEST_"));
}

/* The secret in POSTHORN_NAME_FILE, without the line end that editors leave. */
static int
read_secret_file(struct config *c, int i, const char *path, struct err *e)
{
	struct buf text;
	buf_init(&text, 2 * 4096);
	int r = read_small_file(path, &text, e);
	if (r == 0) {
		while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
			text.data[--text.len] = '\0';
		if (text.len == 0)
			r = err_set(e, ERR_CONFIG, "%s is empty", path);
		else if (strlen(text.data) != text.len)
			r = err_set(e, ERR_CONFIG, "%s holds a NUL byte", path);
		else
			r = config_set(c, options[i].name, text.data, CONFIG_FROM_ENV, e);
	}
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	return r;
}

/* The secret whose NAME_FILE this is, or -1. */
static int
secret_of_file(struct str name)
{
	struct str suffix = STR("_file");
	if (name.n <= suffix.n || memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) != 0)
		return -1;
	int i = option_find((struct str){ name.p, name.n - suffix.n });
	return i >= 0 && value_is_secret(options[i].type) ? i : -1;
}

/* One variable by its name in lower case, without the prefix. */
static int
read_variable(
    struct config *c, bool seen[CONFIG_OPTIONS], const char *name, const char *value, struct err *e)
{
	int secret = secret_of_file(str_of(name));
	int i = secret >= 0 ? secret : option_find(str_of(name));
	if (i >= 0 && seen[i]) {
		char spelling[OPTION_SPELLING_MAX];
		option_spelling(str_of(options[i].name), CONFIG_FROM_ENV, spelling);
		return err_set(e, ERR_CONFIG, "%s is set twice: leave one of %s and %s_FILE out",
		    spelling, spelling, spelling);
	}
	if (i >= 0)
		seen[i] = true;
	if (secret >= 0)
		return read_secret_file(c, secret, value, e);
	return config_set(c, name, value, CONFIG_FROM_ENV, e);
}

int
config_read_env(struct config *c, char *const *env, struct err *e)
{
	struct str prefix = STR("POSTHORN_");
	bool seen[CONFIG_OPTIONS] = { false };
	for (; *env; env++) {
		struct str name, value = str_of(*env);
		if (!str_starts(value, prefix) || !str_split(&value, '=', &name) || !value.p)
			continue;
		name = (struct str){ name.p + prefix.n, name.n - prefix.n };
		if (is_foreign(name))
			continue;
		char lower[OPTION_NAME_MAX + 1]; /* cut, a name is unknown all the same */
		size_t n = name.n < OPTION_NAME_MAX ? name.n : OPTION_NAME_MAX;
		for (size_t i = 0; i < n; i++)
			lower[i] = (char)tolower((unsigned char)name.p[i]);
		lower[n] = '\0';
		if (read_variable(c, seen, lower, value.p, e) < 0)
			return -1;
	}
	return 0;
}
