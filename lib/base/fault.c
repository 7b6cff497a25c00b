/* The state of the fault points: a page that all processes of the service share, so that "the third
 * time" is counted over all of them, and a point that has killed a worker does not kill the next.
 *
 * The page is anonymous memory, or a file that a test has mapped, too. */
#include "base/fault.h"

#ifdef POSTHORN_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

enum fault_mode {
	MODE_NONE,
	MODE_CRASH,
	MODE_ERROR,
	MODE_DELAY,
};

/* As tests/e2e/harness/faults.py has it. A test sets the mode last. */
struct fault_point {
	_Atomic uint64_t hits;
	_Atomic uint32_t mode;
	_Atomic uint32_t left;  /* hits until it happens */
	_Atomic uint32_t every; /* then again after so many; 0: it is over */
	uint32_t delay_ms;
	char code[FAULT_CODE_MAX + 1];
};
_Static_assert(sizeof(struct fault_point) == 32, "faults.py counts on it");

#define PAGE_SIZE (FAULT_COUNT * sizeof(struct fault_point))

struct fault_point *fault_points;
static char last_code[FAULT_CODE_MAX + 1];

static const char *const names[FAULT_COUNT] = {
	[FAULT_NONE] = "",
#define X(name, text) [FAULT_##name] = #name,
#include "base/faults.def"
#undef X
};

const char *
fault_code(void)
{
	return last_code;
}

/* ---- what happens ---- */

static void
stand_still(uint32_t ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

static bool
happens(const struct fault_point *p, enum fault f, uint32_t mode)
{
	static const char *const modes[] = { "", "crash", "error", "delay" };
	/* Not by log.h, which allocates, and that is a point. */
	dprintf(STDERR_FILENO, "fault: %s %s\n", names[f], modes[mode <= MODE_DELAY ? mode : 0]);
	if (mode == MODE_CRASH)
		raise(SIGKILL);
	if (mode == MODE_DELAY)
		stand_still(p->delay_ms);
	if (mode != MODE_ERROR)
		return false;
	memcpy(last_code, p->code, FAULT_CODE_MAX);
	return true;
}

bool
fault_happens(enum fault f)
{
	struct fault_point *p = &fault_points[f];
	if (f == FAULT_NONE)
		return false;
	atomic_fetch_add(&p->hits, 1);
	uint32_t mode = atomic_load(&p->mode);
	if (mode == MODE_NONE || atomic_fetch_sub(&p->left, 1) != 1)
		return false;
	uint32_t every = atomic_load(&p->every);
	if (every)
		atomic_store(&p->left, every);
	else
		atomic_store(&p->mode, MODE_NONE);
	return happens(p, f, mode);
}

/* ---- the environment ---- */

static struct fault_point *
find(struct str name)
{
	for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++)
		if (str_eq(name, str_of(names[f])))
			return &fault_points[f];
	return NULL;
}

/* "crash", "error", "error=40001", "delay=200ms" */
static bool
read_mode(struct fault_point *p, struct str text, uint32_t *ret_mode)
{
	struct str word;
	int64_t ms;
	str_split(&text, '=', &word);
	bool valued = text.p;
	if (str_eq(word, STR("crash")) && !valued) {
		*ret_mode = MODE_CRASH;
		return true;
	}
	if (str_eq(word, STR("error")) && text.n <= FAULT_CODE_MAX) {
		*ret_mode = MODE_ERROR;
		if (text.n)
			memcpy(p->code, text.p, text.n);
		return true;
	}
	if (!str_eq(word, STR("delay")) || text.n < 3 || memcmp(text.p + text.n - 2, "ms", 2) != 0)
		return false;
	text.n -= 2;
	*ret_mode = MODE_DELAY;
	if (str_to_i64(text, 1, 600000, &ms))
		return false;
	p->delay_ms = (uint32_t)ms;
	return true;
}

/* "", "3", "3+" */
static bool
read_count(struct fault_point *p, struct str text)
{
	int64_t n = 1;
	bool again = text.n && text.p[text.n - 1] == '+';
	text.n -= again;
	if (text.p && str_to_i64(text, 1, INT32_MAX, &n))
		return false;
	atomic_store(&p->left, (uint32_t)n);
	atomic_store(&p->every, again ? (uint32_t)n : 0);
	return true;
}

static int
read_point(struct str text, struct err *e)
{
	struct str whole = text, name, mode;
	uint32_t number;
	str_split(&text, ':', &name);
	struct fault_point *p = find(str_trim(name));
	if (!p)
		return err_set(
		    e, ERR_CONFIG, "POSTHORN_FAULT: there is no point %.*s", (int)name.n, name.p);
	if (!str_split(&text, ':', &mode) || !read_mode(p, mode, &number) || !read_count(p, text))
		return err_set(e, ERR_CONFIG,
		    "POSTHORN_FAULT: expected NAME:crash, NAME:error[=CODE] or NAME:delay=Nms, and perhaps :N or :N+, not %.*s",
		    (int)whole.n, whole.p);
	atomic_store(&p->mode, number);
	return 0;
}

static int
read_points(struct str text, struct err *e)
{
	struct str one;
	while (str_split(&text, ',', &one))
		if (read_point(str_trim(one), e))
			return -1;
	return 0;
}

static int
map_page(const char *path, struct err *e)
{
	int fd = -1, flags = MAP_SHARED | MAP_ANONYMOUS;
	if (path) {
		flags = MAP_SHARED;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, PAGE_SIZE)) {
			err_errno(e, ERR_CONFIG, "POSTHORN_FAULT_PAGE %s", path);
			if (fd >= 0)
				close(fd);
			return -1;
		}
	}
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (fd >= 0)
		close(fd);
	if (page == MAP_FAILED)
		return err_errno(e, ERR_INTERNAL, "mmap");
	fault_points = page;
	return 0;
}

int
faults_init(struct err *e)
{
	const char *set = getenv("POSTHORN_FAULT"), *path = getenv("POSTHORN_FAULT_PAGE");
	if (!set && !path)
		return 0;
	if (map_page(path, e))
		return -1;
	return read_points(set ? str_of(set) : (struct str){ NULL, 0 }, e);
}

void
faults_done(void)
{
	if (fault_points)
		munmap(fault_points, PAGE_SIZE);
	fault_points = NULL;
}

#endif
