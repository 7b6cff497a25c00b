/* To be preloaded into posthornd: each signature, so each request to a subscriber, takes
 * SLOW_CORE_US microseconds longer, which the worker sleeps. So its loop is as busy as on a slow
 * core while the machine is not, and a few cores show what many workers do when each has one to
 * itself (tests/bench/balance). */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"

int
EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *ret_n, size_t room)
{
	static int (*real)(EVP_MAC_CTX *, unsigned char *, size_t *, size_t);
	static struct timespec pause;
	if (!real) {
		const char *text = getenv("SLOW_CORE_US");
		int64_t us = 0;
		if (!text || str_to_i64(str_of(text), 0, 999999, &us))
			abort();
		pause.tv_nsec = us * 1000;
		*(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_final"); /* as in dlsym(3) */
	}
	nanosleep(&pause, NULL);
	return real(ctx, out, ret_n, room);
}
