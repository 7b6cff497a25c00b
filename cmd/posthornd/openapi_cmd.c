/* posthornd openapi: the API's document on stdout, as GET /api/v1/openapi.json has it. */
#include <stdio.h>

#include "api/openapi.h"
#include "command.h"

int
openapi_cmd(struct args *a, struct err *e)
{
	struct str text;
	(void)a;
	if (openapi_document(&text, e))
		return -1;
	return puts(text.p) < 0;
}
