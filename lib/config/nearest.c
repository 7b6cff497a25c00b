/* Edit distance with swaps of neighbours ("optimal string alignment"), over two short names. */
#include "config/nearest.h"

#include <string.h>

static int
min_of(int a, int b)
{
	return a < b ? a : b;
}

/* Three rows of the classic table are enough: a swap looks back two. */
static int
distance(struct str a, struct str b)
{
	int rows[3][NEAREST_NAME_MAX + 1];
	int *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= a.n; i++) {
		int *spare = before;
		before = above;
		above = row;
		row = spare;
		row[0] = (int)i;
		for (size_t j = 1; j <= b.n; j++) {
			int cost = a.p[i - 1] != b.p[j - 1];
			row[j] = min_of(min_of(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
	}
	return row[b.n];
}

const char *
nearest_name(struct str typed, const char *const *names, int n)
{
	if (typed.n > NEAREST_NAME_MAX)
		return NULL;
	/* A third of the letters wrong is another word, not a slip. */
	int best = 1 + (int)typed.n / 3;
	const char *found = NULL;
	for (int i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		if (name.n > NEAREST_NAME_MAX)
			continue;
		int d = distance(typed, name);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
