/* posthorn health: is the server well? A bad state is shown before it becomes the exit code. */
#include "call.h"
#include "command.h"

static int
run_health(struct session *s, const struct args *a UNUSED, struct err *e)
{
	struct rest_answer answer;
	struct rest_request rq = { .method = "GET", .path = "/health" };
	struct err no_object;
	if (rest_exchange(s->rest, &rq, &answer, e))
		return -1;
	bool shown = answer.body.n && view_record(&s->view, answer.body, &no_object) == 0;
	if (answer.status >= 200 && answer.status <= 299)
		return 0;
	return err_set(e, ERR_UNAVAILABLE, "the server is not healthy: status %d%s", answer.status,
	    shown ? "" : " and no reason");
}

static const struct command commands[] = {
	{ .summary = "show the state of the server; success when it is healthy",
	    .detail = "Needs no token.",
	    .example = "posthorn health --url https://hooks.example.com",
	    .token = TOKEN_OPTIONAL,
	    .run = run_health },
	{ 0 },
};

const struct family family_health = {
	.name = "health",
	.summary = "is the server well?",
	.commands = commands,
};
