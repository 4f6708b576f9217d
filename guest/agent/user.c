/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/user.h"

#include <stdint.h>
#include <string.h>

#include "guest/agent/text.h"

#define ID_MAX 2147483647u

/* One line of a colon-separated file; fields point into the file and end at ':' or the line's end. */
struct line {
	const char *field[7];
	size_t len[7];
	size_t nr;
};

/* The next line that is no comment; false at the end of the text. */
static bool line_next(const char **text, struct line *ret)
{
	const char *p = *text, *end;

	while (*p == '\n' || *p == '#')
		p += strcspn(p, "\n") + (p[strcspn(p, "\n")] != 0);
	if (!*p)
		return false;
	end = p + strcspn(p, "\n");
	*text = *end ? end + 1 : end;
	for (ret->nr = 0; ret->nr < 7; ret->nr++) {
		size_t len = 0;

		while (p + len < end && p[len] != ':')
			len++;
		ret->field[ret->nr] = p;
		ret->len[ret->nr] = len;
		p += len;
		if (p == end) {
			ret->nr++;
			break;
		}
		p++;
	}
	return true;
}

static bool field_is(const struct line *l, size_t i, const char *s)
{
	return i < l->nr && l->len[i] == strlen(s) && !memcmp(l->field[i], s, l->len[i]);
}

static void field_copy(const struct line *l, size_t i, char *dst, size_t size)
{
	size_t len = i < l->nr && l->len[i] < size ? l->len[i] : 0;

	if (len)
		memcpy(dst, l->field[i], len);
	dst[len] = 0;
}

static bool field_id(const struct line *l, size_t i, uint32_t *ret)
{
	char b[16];

	field_copy(l, i, b, sizeof(b));
	return text_parse_u32(b, ID_MAX, ret);
}

/* A name wins over a number that happens to be spelled the same. */
static bool find_entry(const char *text, const char *spec, size_t id_field, struct line *ret)
{
	uint32_t want, have;
	const char *t = text;
	struct line l;

	while (line_next(&t, &l)) {
		if (field_is(&l, 0, spec) && field_id(&l, id_field, &have)) {
			*ret = l;
			return true;
		}
	}
	if (!text_parse_u32(spec, ID_MAX, &want))
		return false;
	while (line_next(&text, &l)) {
		if (field_id(&l, id_field, &have) && have == want) {
			*ret = l;
			return true;
		}
	}
	return false;
}

static bool find_user(const char *passwd, const char *spec, struct user *u)
{
	uint32_t id = 0;
	struct line l;

	if (!find_entry(passwd, spec, 2, &l)) {
		if (!text_parse_u32(spec, ID_MAX, &id))
			return false;
		u->uid = id;
		return true;
	}
	field_id(&l, 2, &id);
	u->uid = id;
	id = 0;
	field_id(&l, 3, &id);
	u->gid = id;
	field_copy(&l, 0, u->name, sizeof(u->name));
	field_copy(&l, 5, u->home, sizeof(u->home));
	if (!u->home[0])
		memcpy(u->home, "/", 2);
	return true;
}

static bool find_group(const char *group, const char *spec, gid_t *ret)
{
	uint32_t id;
	struct line l;

	if (find_entry(group, spec, 2, &l) ? !field_id(&l, 2, &id) : !text_parse_u32(spec, ID_MAX, &id))
		return false;
	*ret = id;
	return true;
}

static bool list_has(const char *list, size_t len, const char *name)
{
	size_t name_len = strlen(name), n;

	for (; len; list += n, len -= n) {
		for (n = 0; n < len && list[n] != ','; n++)
			;
		if (n == name_len && !memcmp(list, name, n))
			return true;
		if (n < len)
			n++;
	}
	return false;
}

static void find_memberships(const char *group, struct user *u)
{
	struct line l;
	uint32_t id;

	while (line_next(&group, &l) && u->nr_groups < USER_GROUPS_MAX) {
		if (l.nr >= 4 && list_has(l.field[3], l.len[3], u->name) && field_id(&l, 2, &id))
			u->groups[u->nr_groups++] = id;
	}
}

bool user_find(const char *passwd, const char *group, const char *spec, struct user *ret, char *why,
	       size_t why_size)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	char name[64];

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->home, "/", 2);
	if (len >= sizeof(name)) {
		text_join(why, why_size, "unable to find user: the name is too long", NULL);
		return false;
	}
	memcpy(name, spec, len);
	name[len] = 0;
	if (!find_user(passwd, len ? name : "0", ret)) {
		text_join(why, why_size, "unable to find user ", name, ": no matching entries in passwd file",
			  NULL);
		return false;
	}
	if (!colon || !colon[1]) {
		if (ret->name[0])
			find_memberships(group, ret);
		return true;
	}
	if (!find_group(group, colon + 1, &ret->gid)) {
		text_join(why, why_size, "unable to find group ", colon + 1,
			  ": no matching entries in group file", NULL);
		return false;
	}
	return true;
}
