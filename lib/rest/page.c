/* Lists in pages. A page is named by the last row of the one before it ("iterator") or, with a '-'
 * in front, by the first row of the one behind it ("prevIterator"): key comparisons, so that rows
 * which come and go move nothing. One row more than the limit is read, to know whether there is
 * more: "done" says that there is not, in the direction asked for. A list that looks at so many
 * rows and no more may end a page before that, and before it has found anything (log_list.h). */
#include "policy/name.h"
#include "rest/call.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     250

int
call_limit(struct call *c, int *ret)
{
	int64_t limit = LIMIT_DEFAULT;
	if (call_query_int(c, "limit", &limit))
		return -1;
	if (limit < 1 || limit > LIMIT_MAX) {
		call_invalid_query(c, "limit", "must be between 1 and %d", LIMIT_MAX);
		return -1;
	}
	*ret = (int)limit;
	return 0;
}

static void
parse_iterator(struct call *c, struct page *p)
{
	struct str text = call_query(c, "iterator");
	if (!text.p)
		return;
	p->has_cursor = true;
	p->backwards = text.n > 0 && text.p[0] == '-';
	bool marked = p->backwards || (p->by_name && text.n > 0 && text.p[0] == ':');
	p->iterator = marked ? (struct str){ text.p + 1, text.n - 1 } : text;
}

static int
parse_order(struct call *c, struct page *p)
{
	struct str order = call_query(c, "order");
	if (!order.p)
		return 0;
	p->descending = str_eq(order, STR("descending"));
	if (p->descending || str_eq(order, STR("ascending")))
		return 0;
	call_fail_with(
	    c, ERR_BAD_REQUEST, "query parameter order: ascending or descending expected");
	return -1;
}

static int
bad_iterator(struct call *c)
{
	call_invalid_query(c, "iterator", "is not the iterator of an earlier page");
	return -1;
}

int
call_page(struct call *c, enum id_kind kind, bool default_descending, struct page *ret)
{
	*ret = (struct page){ .kind = kind, .descending = default_descending };
	if (call_limit(c, &ret->limit) || parse_order(c, ret))
		return -1;
	parse_iterator(c, ret);
	ret->cursor = page_up(ret) ? INT64_MIN : INT64_MAX;
	if (ret->has_cursor && id_from_text(kind, ret->iterator, &ret->cursor))
		return bad_iterator(c);
	return 0;
}

int
call_page_by_name(struct call *c, struct page *ret)
{
	*ret = (struct page){ .by_name = true };
	if (call_limit(c, &ret->limit))
		return -1;
	parse_iterator(c, ret);
	return ret->has_cursor && !name_valid(ret->iterator) ? bad_iterator(c) : 0;
}

bool
page_up(const struct page *p)
{
	return p->descending == p->backwards;
}

int32_t
page_rows(const struct page *p)
{
	return p->limit + 1;
}

static void
put_iterator(struct call *c, struct jw *j, const struct page *p, const PGresult *r, int row,
    const char *sign)
{
	if (p->by_name) {
		struct str name = pg_str(r, row, 0);
		/* A name may begin with what means "backwards": ':' in front is in no name. */
		if (!sign[0] && name.n && name.p[0] == '-')
			sign = ":";
		jw_text(j, str_of(arena_printf(c->arena, "%s%.*s", sign, STR_FMT(name))));
		return;
	}
	char id[ID_TEXT_SIZE];
	id_to_text(p->kind, pg_int(r, row, 0), id);
	jw_text(j, str_of(arena_printf(c->arena, "%s%s", sign, id)));
}

/* Where a list is part of something that may not exist, an empty one is a row of nulls. */
static int
row_count(const PGresult *r)
{
	int rows = pg_rows(r);
	return rows == 1 && pg_null(r, 0, 0) ? 0 : rows;
}

void
page_reply(struct call *c, const struct page *p, const PGresult *r, page_write_fn write)
{
	int rows = row_count(r), found = rows - p->hides_last;
	int n = found > p->limit ? p->limit : found;
	bool is_cut = p->is_cut && found <= p->limit;
	/* The page goes from the nearest to the farthest row, or from where reading ended when
	 * nothing was found; read backwards, they come in the wrong order. */
	int near = 0, far = is_cut || n == 0 ? rows - 1 : n - 1;
	int first = p->backwards ? far : near, last = p->backwards ? near : far;
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "data");
	jw_open_array(j);
	for (int i = 0; i < n; i++)
		write(c, j, r, p->backwards ? n - 1 - i : i);
	jw_close_array(j);
	jw_key(j, "iterator");
	if (rows == 0) {
		jw_null(j);
	} else {
		put_iterator(c, j, p, r, last, "");
		jw_key(j, "prevIterator");
		put_iterator(c, j, p, r, first, "-");
	}
	jw_put_bool(j, "done", found <= p->limit && !is_cut);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}
