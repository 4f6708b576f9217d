/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strv_add(struct strv *s, const char *text)
{
	char **v = realloc(s->v, (s->nr + 2) * sizeof(char *)), *copy = strdup(text);

	if (!v || !copy) {
		cli_error("out of memory");
		exit(CLI_OURS);
	}
	s->v = v;
	s->v[s->nr++] = copy;
	s->v[s->nr] = NULL;
}

void strv_fini(struct strv *s)
{
	for (size_t i = 0; i < s->nr; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}

void strv_expand_env(struct strv *env)
{
	struct strv out = { 0 };

	for (size_t i = 0; i < env->nr; i++) {
		const char *value;
		char *text;

		if (strchr(env->v[i], '=')) {
			strv_add(&out, env->v[i]);
		} else if ((value = getenv(env->v[i])) && asprintf(&text, "%s=%s", env->v[i], value) > 0) {
			strv_add(&out, text);
			free(text);
		}
	}
	strv_fini(env);
	*env = out;
}

/* Edit distance up to a swap, capped by short names. */
size_t opts_distance(const char *a, const char *b)
{
	size_t row[32], la = strlen(a), lb = strlen(b);

	if (la > 30 || lb > 30)
		return 99;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

/* Docker's spelling: digits and one of b k m g t, with an optional "b" or "ib" behind. */
static bool opt_parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "bkmgt";
	char *end;
	uint64_t v;
	unsigned shift = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		const char *u = strchr(units, tolower((unsigned char)*end));

		if (!u || !*u)
			return false;
		shift = 10 * (unsigned)(u - units);
		end++;
		if (shift && *end == 'i')
			end++;
		if (shift && tolower((unsigned char)*end) == 'b')
			end++;
		if (*end)
			return false;
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*ret = v << shift;
	return true;
}

static bool opt_parse_count(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* "90", "90s", "5m", "1h", "250ms" */
static bool opt_parse_time(const char *text, uint32_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "ms", 1 } };
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	for (size_t i = 0; !errno && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0 || v > UINT32_MAX / units[i].ms)
			continue;
		*ret = (uint32_t)(v * units[i].ms);
		return true;
	}
	return false;
}

static bool opt_store(const struct opt *o, const char *value, void *base)
{
	void *p = (char *)base + o->offset;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)p = true;
		return true;
	case OPT_STRING:
		*(const char **)p = value;
		return true;
	case OPT_LIST:
		strv_add(p, value);
		return true;
	case OPT_SIZE:
		return opt_parse_size(value, p);
	case OPT_COUNT:
		return opt_parse_count(value, p);
	case OPT_TIME:
		return opt_parse_time(value, p);
	case OPT_REFUSED:
		break;
	}
	return false;
}

static int opts_error(const struct cmd *c, const char *what, const char *why)
{
	cli_error("%s: %s; `supermachine %s --help` lists the options", what, why, c->name);
	return -1;
}

static const struct opt *opt_find_long(const struct cmd *c, const char *name, size_t len)
{
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct opt *opt_find_letter(const struct cmd *c, char letter)
{
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static const char *opt_kind(enum opt_type type)
{
	return type == OPT_SIZE	  ? "a size; write 512m or 2g"
	       : type == OPT_TIME ? "a time; write 30, 5m or 250ms"
				  : "a number";
}

static int opts_apply(const struct opt *o, const char *shown, const char *value, void *base)
{
	if (opt_store(o, value, base))
		return 0;
	cli_error("%s %s: not %s", shown, value, opt_kind(o->type));
	return -1;
}

static int opts_refuse(const struct opt *o, const char *shown)
{
	cli_error("%.*s: %s", (int)strcspn(shown, "="), shown, o->help);
	return -1;
}

static int opts_unknown(const struct cmd *c, const char *word)
{
	size_t len = strcspn(word, "="), best = 3;
	const char *near = NULL;
	char name[40];

	snprintf(name, sizeof(name), "%.*s", (int)(len > 2 ? len - 2 : 0), word + 2);
	for (const struct opt *o = c->opts; o && o->name; o++) {
		size_t d = o->type == OPT_REFUSED ? best : opts_distance(name, o->name);

		if (d < best) {
			best = d;
			near = o->name;
		}
	}
	if (!near)
		return opts_error(c, word, "no such option");
	cli_error("%.*s: no such option; did you mean --%s? `supermachine %s --help` lists them", (int)len,
		  word, near, c->name);
	return -1;
}

/* --name, --name=value, --name value; *i moves to the last word used. */
static int opts_long(const struct cmd *c, int argc, char **argv, int *i, void *base)
{
	char *word = argv[*i], *eq = strchr(word, '=');
	const struct opt *o = opt_find_long(c, word + 2, eq ? (size_t)(eq - word) - 2 : strlen(word + 2));
	const char *value = eq ? eq + 1 : NULL;

	if (!o)
		return opts_unknown(c, word);
	if (o->type == OPT_REFUSED)
		return opts_refuse(o, word);
	if (o->type == OPT_FLAG && value) {
		if (!strcmp(value, "true"))
			return opts_apply(o, word, value, base);
		return strcmp(value, "false") ? opts_error(c, word, "takes true or false") : 0;
	}
	if (o->type != OPT_FLAG && !value) {
		if (*i + 1 >= argc)
			return opts_error(c, word, "needs a value");
		value = argv[++*i];
	}
	return opts_apply(o, word, value, base);
}

/* -i, -it, -e K=V, -eK=V */
static int opts_letters(const struct cmd *c, int argc, char **argv, int *i, void *base)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct opt *o = opt_find_letter(c, *p);
		char shown[3] = { '-', *p, 0 };
		int r;

		if (!o)
			return opts_error(c, shown, "no such option");
		if (o->type == OPT_REFUSED)
			return opts_refuse(o, shown);
		if (o->type == OPT_FLAG) {
			opt_store(o, NULL, base);
			continue;
		}
		if (p[1])
			return opts_apply(o, shown, p + 1 + (p[1] == '='), base);
		if (*i + 1 >= argc)
			return opts_error(c, shown, "needs a value");
		r = opts_apply(o, shown, argv[++*i], base);
		return r;
	}
	return 0;
}

int opts_parse(const struct cmd *c, int argc, char **argv, void *base)
{
	int i, r = 0;

	for (i = 1; i < argc && !r; i++) {
		char *w = argv[i];

		if (!strcmp(w, "--"))
			return i + 1;
		/* Docker's run has -h for the host name. */
		if (!strcmp(w, "--help") || (!strcmp(w, "-h") && !opt_find_letter(c, 'h'))) {
			cmd_print_help(c);
			return -2;
		}
		if (w[0] != '-' || !w[1])
			return i;
		r = w[1] == '-' ? opts_long(c, argc, argv, &i, base) : opts_letters(c, argc, argv, &i, base);
	}
	return r ? r : i;
}

void cmd_print_help(const struct cmd *c)
{
	printf("%s\n\nUsage: supermachine %s %s%s\n", c->help, c->name, c->opts ? "[OPTIONS] " : "", c->args);
	if (!c->opts)
		return;
	printf("\nOptions:\n");
	for (const struct opt *o = c->opts; o->name; o++) {
		char left[48];

		if (o->type == OPT_REFUSED)
			continue;
		snprintf(left, sizeof(left), "%s%c%s --%s%s%s", o->letter ? "-" : " ",
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-26s %s\n", left, o->help);
	}
}
