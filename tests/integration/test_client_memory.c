/* What an exchange of the HTTP client takes while its receiver hangs: 10 000 of them may. */
#include <arpa/inet.h>
#include <malloc.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/client_fixture.h"
#include "http/client.h"

#define HANGING 200 /* all fit into the receiver's backlog */

/* The exchange, its connection, a timer and the lines' addresses: 1 kB. */
#define EXCHANGE_BYTES 1300

/* sanitizer/allocator_interface.h, which gcc does not have; NULL without AddressSanitizer. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* What the program has asked for and not given back. */
static size_t
heap_bytes(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* A receiver of which only the kernel knows, so that all the memory is the client's. */
static int
listen_somewhere(struct sockaddr_storage *ret)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t size = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, HANGING), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &size), 0);
	return fd;
}

static int
bytes_waiting(int fd)
{
	int n = 0;
	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void
test_hanging(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage to;
	int listening = listen_somewhere(&to), peer[HANGING];
	static const char *const headers[] = {
		"webhook-id: msg_2abcdefghijklmnopqrstuvw",
		"webhook-timestamp: 1700000000",
		"webhook-signature: v1,0123456789012345678901234567890123456789012=",
		"svix-id: msg_2abcdefghijklmnopqrstuvw",
		"svix-timestamp: 1700000000",
		"svix-signature: v1,0123456789012345678901234567890123456789012=",
		"content-type: application/json",
	};
	const struct client_request rq = {
		.target = f->target,
		.to = &to,
		.headers = headers,
		.nheaders = ARRAY_LEN(headers),
		.body = STR("{}"),
		.timeout_ms = DEADLINE_MS * 5,
	};
	struct result x = { 0 };
	struct client_exchange *under_way[HANGING];
	size_t before = heap_bytes();
	for (int i = 0; i < HANGING; i++)
		under_way[i] = client_start(f->client, &rq, on_response, &x);
	for (int i = 0; i < HANGING; i++) {
		UNTIL(f, (peer[i] = accept(listening, NULL, NULL)) >= 0);
		UNTIL(f, bytes_waiting(peer[i]) > 0);
	}
	size_t each = (heap_bytes() - before) / HANGING;
	assert_int_equal(client_in_flight(f->client), HANGING);
	if (each > EXCHANGE_BYTES)
		fail_msg("an exchange takes %zu bytes", each);
	for (int i = 0; i < HANGING; i++) {
		client_abort(under_way[i]);
		close(peer[i]);
	}
	close(listening);
	assert_int_equal(x.calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hanging),
	};
	return RUN(tests);
}
