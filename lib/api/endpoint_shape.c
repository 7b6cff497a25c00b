/* How deliveries to an endpoint look, and the keys that go with it (endpoint_shape.h).
 *
 * Profile and template are one setting: they are given, stored and replaced together. */
#include "api/endpoint_shape.h"

#include "policy/profile.h"

#define TEMPLATE_MAX 4096 /* bytes, as JSON */

static const char *const profiles[] = { "standard", "github", "stripe", "shopify", "slack",
	"custom", NULL };
static const char *const formats[] = { "none", "cloudevents-binary", "cloudevents-structured",
	NULL };

/* ---- fields ---- */

static void
read_template(struct fields *f, struct endpoint_shape *ret)
{
	const json_t *template = field_object_or_null(f, "signatureTemplate");
	bool custom = ret->profile.p && str_eq(ret->profile, STR("custom"));
	struct profile parsed;
	struct err e;
	if (template && !custom)
		field_problem(f, "signatureTemplate", "goes with signatureProfile custom only");
	else if (!template && custom)
		field_problem(f, "signatureTemplate", "must be given for signatureProfile custom");
	if (!template || !custom)
		return;
	size_t n = json_dumpb(template, NULL, 0, JSON_COMPACT);
	if (n > TEMPLATE_MAX)
		field_problem(
		    f, "signatureTemplate", "must be at most %d bytes of JSON", TEMPLATE_MAX);
	else if (profile_parse(template, &parsed, &e))
		field_problem(f, "signatureTemplate", "%s", e.text);
	char *text = arena_alloc(f->c->arena, n);
	json_dumpb(template, text, n, JSON_COMPACT);
	ret->template = (struct str){ text, n };
}

void
endpoint_shape_read(struct fields *f, struct endpoint_shape *ret)
{
	enum body_kind kind = f->kind;
	f->kind = BODY_PATCH;
	field_word_or_null(f, "signatureProfile", profiles, &ret->profile);
	read_template(f, ret);
	field_word_or_null(f, "format", formats, &ret->format);
	f->kind = kind;
	if (ret->profile.p && str_eq(ret->profile, str_of(profiles[0])))
		ret->profile = (struct str){ NULL, 0 };
	if (ret->format.p && str_eq(ret->format, str_of(formats[0])))
		ret->format = (struct str){ NULL, 0 };
}

void
endpoint_shape_arg(struct pg_args *a, const struct endpoint_shape *s)
{
	pg_arg_text(a, s->profile);
	pg_arg_text(a, s->template);
	pg_arg_text(a, s->format);
}

void
endpoint_shape_put(struct jw *j, const struct endpoint_row *e)
{
	jw_put_text(j, "signatureProfile",
	    e->signature_profile.p ? e->signature_profile : str_of(profiles[0]));
	if (e->signature_template.p)
		jw_put_raw(j, "signatureTemplate", e->signature_template);
	else
		jw_put_null(j, "signatureTemplate");
	jw_put_text(j, "format", e->format.p ? e->format : str_of(formats[0]));
}

/* ---- keys ---- */

const char *
endpoint_profile_refuses(struct str profile, enum sign_kind kind)
{
	if (profile.p && kind == SIGN_ED25519)
		return "the endpoint's key is a pair (whsk_), which signs under the profile "
		       "standard only: rotate to another one first";
	if (!profile.p && kind == SIGN_TEXT)
		return "the endpoint's key is no whsec_ and no whsk_, as the profile standard "
		       "asks for: rotate to one first";
	return NULL;
}

static void
wipe(void *p)
{
	sign_secret_wipe(p);
}

static struct sign_secret *
secret_alloc(struct call *c)
{
	struct sign_secret *key = arena_zalloc(c->arena, sizeof(*key));
	arena_own(c->arena, key, wipe);
	return key;
}

const struct sign_secret *
endpoint_secret_new(struct call *c, struct str profile)
{
	struct sign_secret *key = secret_alloc(c);
	sign_key_generate(profile.p ? SIGN_HMAC : c->parts->config->default_signature, key);
	return key;
}

const struct sign_secret *
endpoint_secret_field(struct fields *f, const char *name, struct str profile)
{
	struct str text = { NULL, 0 };
	struct err e;
	int before = f->nproblems;
	field_text_or_null(f, name, SIGN_TEXT_SIZE, &text);
	if (f->nproblems != before)
		return NULL;
	if (!text.p)
		return endpoint_secret_new(f->c, profile);
	struct sign_secret *key = secret_alloc(f->c);
	if ((profile.p ? sign_text_parse : sign_key_parse)(text, key, &e) == 0)
		return key;
	field_problem(f, name, "%s", e.text);
	return NULL;
}

const struct sign_secret *
endpoint_secret_read(struct call *c, const PGresult *r, struct str *ret_profile)
{
	struct str bytes = pg_str(r, 0, 0);
	struct sign_secret *key = secret_alloc(c);
	key->kind = (enum sign_kind)pg_int(r, 0, 1);
	*ret_profile = arena_str(c->arena, pg_str(r, 0, 2));
	if (secret_set(&key->key, bytes.p, bytes.n) == 0 && key->key.len <= SIGN_TEXT_MAX)
		return key;
	call_fail_with(c, ERR_INTERNAL, "a stored signing key is too long");
	return NULL;
}

void
endpoint_secret_arg(struct pg_args *a, const struct sign_secret *key)
{
	pg_arg_bytes(a, (struct str){ (const char *)key->key.bytes, key->key.len });
	pg_arg_int2(a, (int16_t)key->kind);
}
