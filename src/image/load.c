/* SPDX-License-Identifier: Apache-2.0 */
#include "image/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "image/emit.h"
#include "image/pull.h"
#include "oci/source.h"
#include "oci/spool.h"

struct load {
	struct store *store;
	struct spool *spool;
	const atomic_bool *cancel;
	struct reference from, to; /* in the archive; in the store */
};

static int load_one(struct load *l, const char *name, struct sm_err *e)
{
	const struct source_options source = { .reference = &l->from, .spool = l->spool };
	const struct pull_options o = {
		.reference = &l->to, .policy = PULL_ALWAYS, .cancel = l->cancel, .source = &source
	};
	RECORD_CLEANUP struct image_record *record = NULL;
	int rc = reference_parse(name, &l->to, e);

	if (rc)
		return rc;
	l->from = (struct reference){ .kind = REFERENCE_DOCKER_ARCHIVE };
	snprintf(l->from.repo, sizeof(l->from.repo), "%s", name);
	snprintf(l->from.text, sizeof(l->from.text), "%s", name);
	rc = pull_image(l->store, &o, &record, e);
	return rc ? rc : emit_image(l->to.text, record, e);
}

static int load_all(struct load *l, struct sm_err *e)
{
	json_t *names;
	int rc = docker_archive_names(l->spool, "archive", &names, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < json_array_size(names) && !rc; i++)
		rc = load_one(l, json_string_value(json_array_get(names, i)), e);
	json_decref(names);
	return rc;
}

int load_images(struct store *s, int fd, const atomic_bool *cancel, struct sm_err *e)
{
	struct load *l = calloc(1, sizeof(*l));
	struct store_tmp t = STORE_TMP_INIT;
	int rc = l ? store_tmp_open(s, &t, e) : err_errno(e, ENOMEM, "archive");

	if (!rc) {
		*l = (struct load){ .store = s, .cancel = cancel };
		rc = spool_read(fd, t.fd, "archive", cancel, &l->spool, e);
		if (!rc)
			rc = load_all(l, e);
		spool_destroy(l->spool);
		store_tmp_close(s, &t);
	}
	free(l);
	return rc;
}
