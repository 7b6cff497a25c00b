/* Reading files and standard input whole, each with a maximum. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 65536 /* bytes a read; also what the first allocation is good for */

static int
read_all(FILE *f, const char *what, struct buf *out, struct err *e)
{
	for (;;) {
		size_t room = out->max - out->len;
		/* One byte more than fits tells a full buffer from a longer input. */
		char one;
		if (room == 0)
			return fread(&one, 1, 1, f) == 0
				   ? 0
				   : err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", what,
					 out->max);
		if (room > CHUNK)
			room = CHUNK;
		char *p = buf_reserve(out, room);
		size_t n = fread(p, 1, room, f);
		out->len += n;
		out->data[out->len] = '\0';
		if (n == room)
			continue;
		return ferror(f) ? err_errno(e, ERR_IO, "cannot read %s", what) : 0;
	}
}

int
input_file(const char *path, struct buf *out, struct err *e)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return err_errno(e, ERR_IO, "cannot open %s", path);
	int rc = read_all(f, path, out, e);
	fclose(f);
	return rc;
}

int
input_value(const char *option, const char *text, struct arena *a, struct str *ret, struct err *e)
{
	bool standard = strcmp(text, "-") == 0;
	if (!standard && text[0] != '@') {
		*ret = str_of(text);
		return 0;
	}
	struct buf b;
	buf_init(&b, INPUT_MAX);
	int rc = standard ? read_all(stdin, "standard input", &b, e) : input_file(text + 1, &b, e);
	if (rc == 0)
		*ret = arena_str(a, (struct str){ b.data, b.len });
	else if (option)
		err_prefix(e, "--%s", option);
	buf_free(&b);
	return rc;
}

int
input_secret(const char *option, const char *text, struct arena *a, struct str *ret, struct err *e)
{
	struct str s;
	if (input_value(option, text, a, &s, e))
		return -1;
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	*ret = s;
	return 0;
}
