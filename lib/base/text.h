/* A file of the source tree inside the program (cmd/embed). */
#pragma once

struct text {
	const char *name; /* the file's, without folder and suffix */
	const char *text;
};
