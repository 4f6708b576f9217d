/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of pulls on stderr: a line that renews itself on a terminal, a line per stage
 * elsewhere, or JSON. Nothing is coloured, so NO_COLOR has nothing to forbid.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/terminal.h"

#define PROGRESS_BAR 20
/* A rate needs some time to mean anything. */
#define PROGRESS_RATE_MS 500

static uint64_t progress_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool progress_init(struct progress *p, const char *how, bool quiet)
{
	*p = (struct progress){ .quiet = quiet, .tty = isatty(2) };
	if (!how || !strcmp(how, "auto"))
		return true;
	p->tty = false;
	p->json = !strcmp(how, "json");
	p->quiet = quiet || !strcmp(how, "none");
	if (p->json || p->quiet || !strcmp(how, "plain"))
		return true;
	cli_error("--progress %s: auto, plain, json or none", how);
	return false;
}

static size_t progress_put(char *line, size_t max, size_t len, const char *text)
{
	int n = len < max ? snprintf(line + len, max - len, "%s", text) : 0;

	return len + (n > 0 ? (size_t)n : 0);
}

static void progress_bar(const struct sm_progress *s, char ret[PROGRESS_BAR + 4])
{
	uint64_t full = s->done >= s->total ? PROGRESS_BAR : s->done * PROGRESS_BAR / s->total;

	*ret++ = ' ';
	*ret++ = '[';
	for (uint64_t i = 0; i < PROGRESS_BAR; i++)
		*ret++ = i < full ? '=' : i == full ? '>' : ' ';
	*ret++ = ']';
	*ret = 0;
}

/* "  3.20MB/s  12s left", or nothing as long as it would be a guess. */
static void progress_rate(const struct progress *p, const struct sm_progress *s, uint64_t now_ms,
			  char ret[48])
{
	uint64_t ms = now_ms - p->since_ms, moved = s->done > p->from ? s->done - p->from : 0;
	uint64_t rate = ms ? moved * 1000 / ms : 0;
	uint64_t left = rate && s->total > s->done ? (s->total - s->done) / rate + 1 : 0;
	char size[16];

	ret[0] = 0;
	if (ms < PROGRESS_RATE_MS || !rate)
		return;
	cli_format_size(rate, size);
	if (!left)
		snprintf(ret, 48, "  %s/s", size);
	else if (left < 100)
		snprintf(ret, 48, "  %s/s  %llus left", size, (unsigned long long)left);
	else
		snprintf(ret, 48, "  %s/s  %llum left", size, (unsigned long long)((left + 30) / 60));
}

void progress_line(const struct progress *p, const struct sm_progress *s, uint64_t now_ms, size_t columns,
		   char *ret, size_t max)
{
	char bar[PROGRESS_BAR + 4] = "", rate[48] = "", done[16], total[16], tail[120] = "", head[60];
	size_t room = columns < max ? columns : max - 1, len = 0;

	if (s->total) {
		progress_bar(s, bar);
		progress_rate(p, s, now_ms, rate);
		cli_format_size(s->done, done);
		cli_format_size(s->total, total);
		snprintf(tail, sizeof(tail), "%s %s / %s%s", bar, done, total, rate);
	}
	/* The end is what moves: a name gives way to it. */
	snprintf(head, sizeof(head), "%-8s %.40s", s->stage, s->object);
	if (strlen(tail) < room && strlen(head) + strlen(tail) > room)
		head[room - strlen(tail)] = 0;
	len = progress_put(ret, room + 1, len, head);
	progress_put(ret, room + 1, len, tail);
}

static void progress_json(const struct sm_progress *s)
{
	json_t *o = json_pack("{s:s, s:s, s:I, s:I}", "stage", s->stage, "object", s->object, "done",
			      (json_int_t)s->done, "total", (json_int_t)s->total);

	json_dumpf(o, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(o);
}

void progress_show(void *opaque, const struct sm_progress *s)
{
	struct progress *p = opaque;
	bool same = !strcmp(p->stage, s->stage) && !strncmp(p->object, s->object, sizeof(p->object) - 1);
	uint16_t rows, columns;
	char line[200];

	if (p->quiet)
		return;
	if (p->json) {
		progress_json(s);
		return;
	}
	if (!p->tty && same)
		return;
	if (!same) {
		p->since_ms = progress_now_ms();
		p->from = s->done;
	}
	snprintf(p->stage, sizeof(p->stage), "%s", s->stage);
	snprintf(p->object, sizeof(p->object), "%s", s->object);
	if (!p->tty) {
		fprintf(stderr, "%s %s\n", s->stage, s->object);
		return;
	}
	progress_line(p, s, progress_now_ms(), terminal_size(&rows, &columns) ? columns - 1u : 79, line,
		      sizeof(line));
	fprintf(stderr, "\r\033[K%s", line);
	p->shown = true;
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
