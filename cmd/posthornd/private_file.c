#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
private_file_write(const char *path, const char *line, struct err *e)
{
	char temporary[1024];
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary))
		return err_set(e, ERR_CONFIG, "%s: the path is too long", path);
	unlink(temporary); /* of a crash */
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, ERR_IO, "cannot write %s", path);
	int r = dprintf(fd, "%s\n", line) < 0 || fsync(fd) < 0 ? -1 : 0;
	close(fd);
	if (r == 0)
		r = rename(temporary, path);
	return r == 0 ? 0 : err_errno(e, ERR_IO, "cannot write %s", path);
}

/* What makes the open file unfit for a secret, or NULL. */
static const char *
flaw(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "is no plain file";
	if (st.st_uid != geteuid())
		return "belongs to another user: start posthornd as that user, or choose another directory";
	if (st.st_mode & 077)
		return "can be read by others (chmod 600 it)";
	return NULL;
}

int
private_file_read(const char *path, char out[PRIVATE_FILE_MAX], struct err *e)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(
		    e, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG, "cannot read %s", path);
	const char *why = flaw(fd);
	ssize_t n = why ? 0 : read(fd, out, PRIVATE_FILE_MAX - 1);
	close(fd);
	if (why)
		return err_set(e, ERR_CONFIG, "%s %s", path, why);
	if (n < 0)
		return err_errno(e, ERR_CONFIG, "cannot read %s", path);
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}
