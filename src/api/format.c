/* SPDX-License-Identifier: Apache-2.0 */
#include "api/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

#define FORMAT_MAX ((size_t)16 << 20)
#define FORMAT_FIELD_MAX 200

/* The keys of `o`, for a sentence. */
static void format_keys(const json_t *o, char *ret, size_t size)
{
	const char *key;
	size_t len = 0;
	json_t *v, *object = json_incref((json_t *)(uintptr_t)o);

	*ret = 0;
	json_object_foreach(object, key, v) if (len + strlen(key) + 4 < size) len +=
		(size_t)snprintf(ret + len, size - len, "%s.%s", len ? ", " : "", key);
	json_decref(object);
}

/* `path` is ".A.B"; "." is the object itself. */
static int format_find(const json_t *o, const char *path, const json_t **ret, struct sm_err *e)
{
	char key[FORMAT_FIELD_MAX], keys[300];
	const char *p = path;

	if (*p != '.')
		return err_set(e, EINVAL, "format: '{{%s}}': a field begins with a dot, as in {{.Id}}", path);
	while (*p == '.' && p[1]) {
		size_t len = strcspn(++p, ".");
		const json_t *v;

		snprintf(key, sizeof(key), "%.*s", (int)len, p);
		v = json_object_get(o, key);
		if (!v) {
			format_keys(o, keys, sizeof(keys));
			return err_set(e, EINVAL, "format: '{{%s}}': there is no '%s'; there is %s", path,
				       key, *keys ? keys : "nothing below it");
		}
		o = v;
		p += len;
	}
	*ret = o;
	return 0;
}

static int format_put(const json_t *v, bool json, struct buf *out, struct sm_err *e)
{
	const char *s = json_string_value(v);
	char *text = NULL;

	if (!s || json)
		s = text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!s)
		return err_errno(e, ENOMEM, "format");
	buf_put(out, s, strlen(s));
	free(text);
	return 0;
}

/* What stands between the braces. */
static int format_field(const json_t *object, const char *field, size_t len, struct buf *out,
			struct sm_err *e)
{
	char text[FORMAT_FIELD_MAX], *p = text;
	bool json = false;
	const json_t *v = NULL;
	int rc;

	if (len >= sizeof(text))
		return err_set(e, EINVAL, "format: '{{%.40s...': too long", field);
	snprintf(text, sizeof(text), "%.*s", (int)len, field);
	p += strspn(p, " ");
	if (!strncmp(p, "json ", 5)) {
		json = true;
		p += 5 + strspn(p + 5, " ");
	}
	p[strcspn(p, " ")] = 0;
	rc = format_find(object, p, &v, e);
	return rc ? rc : format_put(v, json, out, e);
}

static int format_all(const json_t *object, const char *p, struct buf *out, struct sm_err *e)
{
	while (*p) {
		const char *end = !strncmp(p, "{{", 2) ? strstr(p, "}}") : NULL;

		if (end) {
			int rc = format_field(object, p + 2, (size_t)(end - p) - 2, out, e);

			if (rc)
				return rc;
			p = end + 2;
		} else if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't')) {
			buf_put_u8(out, p[1] == 'n' ? '\n' : '\t');
			p += 2;
		} else {
			buf_put_u8(out, (uint8_t)*p++);
		}
	}
	buf_put_u8(out, 0);
	return out->broken ? err_errno(e, ENOMEM, "format") : 0;
}

int format_json(const json_t *object, const char *format, char **ret, struct sm_err *e)
{
	struct buf out;
	int rc;

	buf_init(&out, FORMAT_MAX);
	rc = format_all(object, format, &out, e);
	if (rc) {
		buf_fini(&out);
		return rc;
	}
	*ret = (char *)out.data;
	return 0;
}
