/* posthorn-bench: a load generator and a receiver in one process, for any server with Svix's API.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

#include "options.h"
#include "run.h"

#define OUTPUT_MAX (1024 * 1024) /* bytes of a report or drawing */

static int
write_all(int fd, const struct buf *b, const char *what, struct err *e)
{
	size_t done = 0;
	while (done < b->len) {
		ssize_t n = write(fd, b->data + done, b->len - done);
		if (n < 0)
			return err_errno(e, ERR_IO, "cannot write %s", what);
		done += (size_t)n;
	}
	return 0;
}

static int
write_file(const char *path, const struct buf *b, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, ERR_IO, "cannot write %s", path);
	int rc = write_all(fd, b, path, e);
	close(fd);
	return rc;
}

/* 0: good, 1: bad, -1: error. */
static int
run(int argc, char **argv, struct arena *a, struct buf *out, struct buf *drawing, struct err *e)
{
	struct options o;
	if (options_read(&o, argc, argv, a, e))
		return -1;
	int rc = 0;
	if (o.help)
		options_write_help(out);
	else if (o.version)
		buf_adds(out, "posthorn-bench " POSTHORN_VERSION "\n");
	else
		rc = run_bench(&o, out, o.svg ? drawing : NULL, e);
	struct err ignored = { 0 }; /* an earlier error is the one to tell */
	struct err *second = rc < 0 ? &ignored : e;
	if (write_all(STDOUT_FILENO, out, "the report", second) ||
	    (o.svg && drawing->len && write_file(o.svg, drawing, second)))
		return -1;
	return rc;
}

int
main(int argc, char **argv)
{
	struct err e;
	struct buf out, drawing;
	struct arena *a = arena_new();
	buf_init(&out, OUTPUT_MAX);
	buf_init(&drawing, OUTPUT_MAX);
	int rc = run(argc, argv, a, &out, &drawing, &e);
	if (rc < 0)
		fprintf(stderr, "posthorn-bench: %s\n", e.text);
	buf_free(&out);
	buf_free(&drawing);
	arena_free(a);
	return rc < 0 ? err_exit_code(e.kind) : rc;
}
