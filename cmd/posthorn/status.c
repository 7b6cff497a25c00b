/* The API numbers the states; people name them (status.h). */
#include "status.h"

#include <string.h>

int
status_from_text(const char *text, int *ret, struct err *e)
{
	static const char *const states[] = { "success", "pending", "fail", "sending" };
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (strcmp(text, states[i]) == 0) {
			*ret = (int)i;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "--status takes success, pending, fail or sending");
}
