/* SPDX-License-Identifier: Apache-2.0 */
#include "image/emit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fd.h"

static pthread_mutex_t emit_lock = PTHREAD_MUTEX_INITIALIZER;

int emit_object(const char *key, json_t *value, struct sm_err *e)
{
	json_t *line = value ? json_pack("{s:o}", key, value) : NULL;
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t len;
	int rc;

	json_decref(line);
	if (!text)
		return err_errno(e, ENOMEM, "output");
	len = strlen(text);
	text[len] = '\n';
	pthread_mutex_lock(&emit_lock);
	rc = fd_write_full(STDOUT_FILENO, text, len + 1);
	pthread_mutex_unlock(&emit_lock);
	free(text);
	return rc ? err_errno(e, -rc, "output") : 0;
}

/* Names in an archive need not be text; JSON must be. */
static json_t *emit_text(const char *s)
{
	char copy[sizeof(((struct sm_err *)0)->text)];
	json_t *v = json_string(s);

	if (v)
		return v;
	strncpy(copy, s, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = 0;
	for (char *p = copy; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(copy);
}

void emit_error(const struct sm_err *err)
{
	emit_object("error", json_pack("{s:i,s:o}", "code", err->code, "text", emit_text(err->text)), NULL);
}

void emit_progress(const char *stage, const char *object, uint64_t done, uint64_t total)
{
	emit_object("progress",
		    json_pack("{s:s,s:s,s:I,s:I}", "stage", stage, "object", object, "done", (json_int_t)done,
			      "total", (json_int_t)total),
		    NULL);
}

int emit_image(const char *reference, const struct image_record *r, struct sm_err *e)
{
	json_t *v = json_pack("{s:s}", "reference", reference);

	if (v && json_object_update(v, r->json)) {
		json_decref(v);
		v = NULL;
	}
	return emit_object("image", v, e);
}
