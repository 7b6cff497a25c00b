/* To be preloaded into posthornd: the time of the day is OTHER_CLOCK's seconds ahead (or, negative,
 * behind). OTHER_CLOCK names a file of eight bytes, an integer of this machine, that may be written
 * to while the program runs: its clock is set then. CLOCK_MONOTONIC goes on as it is
 * (tests/e2e/harness/clock.py).
 *
 * The real clock is asked by system call: what is behind these names in the C library, or a
 * sanitizer's own idea of them, may not be ready yet when the first caller is an early one. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t *ahead_s;

/* A test whose clock is not another one would prove nothing: no file, no program. */
__attribute__((constructor)) static void
map_file(void)
{
	const char *path = getenv("OTHER_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page =
	    fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead_s), PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		abort();
	close(fd);
	ahead_s = page;
}

int
clock_gettime(clockid_t id, struct timespec *ret)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ret);
	if (rc == 0 && ahead_s && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += __atomic_load_n(ahead_s, __ATOMIC_RELAXED);
	return rc;
}

int
gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

time_t
time(time_t *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
