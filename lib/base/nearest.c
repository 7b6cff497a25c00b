/* Names that were meant: optimal string alignment distance (insertion, deletion, change, swap of
 * neighbours), accepted up to a third of the length, or when one is the beginning of the other. */
#include "base/nearest.h"

#include <string.h>

void
nearest_init(struct nearest *n, const char *wanted)
{
	*n = (struct nearest){ .wanted = wanted, .distance = NEAREST_MAX };
}

static int
min(int a, int b)
{
	return a < b ? a : b;
}

/* Both at most NEAREST_MAX bytes. Three rows: a swap looks two back. */
static int
distance(const char *a, int na, const char *b, int nb)
{
	int row[3][NEAREST_MAX + 1] = { 0 };
	for (int j = 0; j <= nb; j++)
		row[0][j] = j;
	for (int i = 1; i <= na; i++) {
		int *now = row[i % 3];
		const int *one = row[(i + 2) % 3], *two = row[(i + 1) % 3];
		now[0] = i;
		for (int j = 1; j <= nb; j++) {
			int change = one[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = min(change, 1 + min(one[j], now[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min(now[j], two[j - 2] + 1);
		}
	}
	return row[na % 3][nb];
}

void
nearest_offer(struct nearest *n, const char *name)
{
	size_t na = strlen(n->wanted), nb = strlen(name);
	if (na == 0 || na > NEAREST_MAX || nb > NEAREST_MAX)
		return;
	int d = distance(n->wanted, (int)na, name, (int)nb);
	if (na >= 2 && strncmp(n->wanted, name, min((int)na, (int)nb)) == 0)
		d = 1;
	if (d <= (int)(nb + 2) / 3 && d < n->distance) {
		n->best = name;
		n->distance = d;
	}
}
