/* Matching an event with an endpoint. Runs for every endpoint of an application on every event, so
 * the type list, which may be long, is searched by halves; channels are a handful on either side.
 */
#include "policy/filter.h"

int
str_cmp(struct str a, struct str b)
{
	size_t common = a.n < b.n ? a.n : b.n;
	int order = common ? memcmp(a.p, b.p, common) : 0;
	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

static bool
has_type(const struct filter *f, struct str type)
{
	int low = 0, high = f->ntypes;
	while (low < high) {
		int middle = low + (high - low) / 2;
		int order = str_cmp(type, f->types[middle]);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool
shares_channel(const struct filter *f, const struct str *channels, int nchannels)
{
	for (int i = 0; i < f->nchannels; i++)
		for (int j = 0; j < nchannels; j++)
			if (str_eq(f->channels[i], channels[j]))
				return true;
	return false;
}

bool
filter_match(const struct filter *f, struct str type, const struct str *channels, int nchannels)
{
	if (f->ntypes > 0 && !has_type(f, type))
		return false;
	return f->nchannels == 0 || shares_channel(f, channels, nchannels);
}
