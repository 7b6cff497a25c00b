/* Unit tests of base/mem: what a burst left goes back to the kernel. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "unit.h"

#define BLOCKS 20000
#define BLOCK  4000 /* below malloc's threshold for a mapping of its own */

/* glibc's own, which AddressSanitizer does not replace. */
void *__libc_malloc(size_t n);
void __libc_free(void *p);

static long
resident_pages(void)
{
	long program, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &program, &resident), 2);
	fclose(f);
	return resident;
}

/* The last block stays, so that malloc cannot shrink its heap by itself. */
static void
test_tidy(void **state)
{
	static char *blocks[BLOCKS];
	(void)state;
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = __libc_malloc(BLOCK);
		memset(blocks[i], 1, BLOCK);
	}
	long full = resident_pages();
	for (int i = 0; i < BLOCKS - 1; i++)
		__libc_free(blocks[i]);
	long half = (long)BLOCKS * BLOCK / 2 / sysconf(_SC_PAGESIZE);
	assert_true(full - resident_pages() < half);
	mem_tidy();
	assert_true(full - resident_pages() > half);
	assert_int_equal(blocks[BLOCKS - 1][BLOCK - 1], 1);
	__libc_free(blocks[BLOCKS - 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tidy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
