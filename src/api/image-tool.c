/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supermachine-image as a child: it alone touches the network and foreign archives. It
 * answers with one JSON object a line (docs/image-protocol.md).
 */
#include "api/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/child.h"
#include "util/fd.h"

#define IMAGE_TOOL_LINE_MAX (8 << 20)

static void image_tool_progress(const json_t *p, sm_progress_fn *fn, void *opaque)
{
	const char *stage = "", *object = "";
	json_int_t done = 0, total = 0;
	json_t *copy = json_incref((json_t *)(uintptr_t)p);

	if (fn && !json_unpack(copy, "{s?s, s?s, s?I, s?I}", "stage", &stage, "object", &object, "done",
			       &done, "total", &total)) {
		const struct sm_progress progress = { stage, object, (uint64_t)done, (uint64_t)total };

		fn(opaque, &progress);
	}
	json_decref(copy);
}

struct image_tool {
	const struct image_tool_calls *calls;
	bool stopped;	   /* `result` wants no more */
	struct sm_err err; /* code 0: none so far */
};

static void image_tool_line(struct image_tool *t, const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, 0, NULL), *part;

	if ((part = json_object_get(o, "progress"))) {
		image_tool_progress(part, t->calls->progress, t->calls->opaque);
	} else if ((part = json_object_get(o, "error"))) {
		const char *text = "unknown failure";
		int code = EIO;

		json_unpack(part, "{s?i, s?s}", "code", &code, "text", &text);
		err_set(&t->err, code > 0 ? code : EIO, "%s", text);
	} else if (json_is_object(o) && t->calls->result && !t->stopped) {
		t->stopped = t->calls->result(t->calls->opaque, o);
	}
	json_decref(o);
}

/* Lines until the child closes its end. */
static int image_tool_read(struct image_tool *t, int fd, struct sm_err *e)
{
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		close(fd);
		return err_errno(e, ENOMEM, "supermachine-image");
	}
	while ((n = getline(&line, &cap, f)) > 0 && n < IMAGE_TOOL_LINE_MAX)
		image_tool_line(t, line, (size_t)n);
	free(line);
	fclose(f);
	return 0;
}

int image_tool_run(struct sm_ctx *ctx, const char *const *argv, const struct image_tool_calls *calls,
		   struct sm_err *e)
{
	struct image_tool t = { .calls = calls };
	char path[PATH_MAX], how[80];
	int p[2], r, status;
	pid_t pid;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", ctx->places.libexec, argv[0]) >= sizeof(path))
		return err_set(e, ENAMETOOLONG, "%s: path too long", argv[0]);
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, errno, "%s", argv[0]);
	r = child_start(path, argv, calls->input ? *calls->input : -1, p[1], 1, -1, &pid, e);
	close(p[1]);
	if (r < 0) {
		close(p[0]);
		return r;
	}
	r = image_tool_read(&t, p[0], e);
	status = child_wait(pid);
	if (!r && t.err.code)
		r = err_set(e, t.err.code, "%s", t.err.text);
	else if (!r && status)
		r = err_set(e, EIO, "supermachine-image: ended with %s",
			    child_describe(status, how, sizeof(how)));
	return r;
}
