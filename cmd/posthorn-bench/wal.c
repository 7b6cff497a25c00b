/* One child with its output on a pipe. The shell is wanted here: the command is the user's own, and
 * usually a line for psql. */
#include "wal.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

#define OUTPUT_MAX 256 /* bytes */

static int
run(const char *command, char out[OUTPUT_MAX], struct err *e)
{
	int pipe_fd[2];
	pid_t pid;
	posix_spawn_file_actions_t actions;
	char shell[] = "/bin/sh", flag[] = "-c";
	char *const argv[] = { shell, flag, (char *)(uintptr_t)command, NULL };
	if (pipe2(pipe_fd, O_CLOEXEC))
		return err_errno(e, ERR_IO, "--wal-command");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], STDOUT_FILENO);
	int failure = posix_spawn(&pid, shell, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fd[1]);
	size_t n = 0;
	ssize_t got = 0;
	while (!failure && n < OUTPUT_MAX - 1 &&
	       (got = read(pipe_fd[0], out + n, OUTPUT_MAX - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(pipe_fd[0]);
	int status = 1;
	if (!failure)
		waitpid(pid, &status, 0);
	return failure || status ? err_set(e, ERR_IO, "--wal-command has failed") : 0;
}

int
wal_position(const char *command, int64_t *ret_bytes, struct err *e)
{
	char text[OUTPUT_MAX];
	unsigned high, low;
	long long bytes;
	int used = 0;
	if (run(command, text, e))
		return -1;
	if (sscanf(text, " %8X/%8X%n", &high, &low, &used) == 2 && used) {
		*ret_bytes = (int64_t)high << 32 | low;
		return 0;
	}
	if (sscanf(text, " %18lld%n", &bytes, &used) == 1 && used && bytes >= 0) {
		*ret_bytes = bytes;
		return 0;
	}
	return err_set(e, ERR_IO, "--wal-command prints neither a WAL position nor a number");
}
