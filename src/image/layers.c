/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layers.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "image/bake.h"
#include "image/emit.h"
#include "util/fd.h"
#include "util/num.h"

#define LAYERS_THREADS 3
#define LAYERS_PROGRESS_NS 150000000ULL

struct layers_run {
	struct layers *l;
	pthread_mutex_t lock; /* guards what follows */
	size_t next;	      /* the next layer nobody has taken */
	int rc;		      /* the first failure */
	struct sm_err error;
	uint64_t done, total, reported_ns;
	atomic_bool failed;
};

struct layers_job {
	struct layers_run *run;
	uint64_t done; /* of the layer at work */
};

void layers_name(const char *diff_id, char ret[LAYERS_NAME_MAX])
{
	snprintf(ret, LAYERS_NAME_MAX, "%.64s.erofs", digest_hex(diff_id));
}

static uint64_t layers_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void layers_progress(void *opaque, uint64_t done)
{
	struct layers_job *j = opaque;
	struct layers_run *r = j->run;
	uint64_t sum, now = layers_now();
	bool report;

	pthread_mutex_lock(&r->lock);
	r->done += done - j->done;
	j->done = done;
	sum = r->done;
	report = now - r->reported_ns >= LAYERS_PROGRESS_NS || sum == r->total;
	if (report)
		r->reported_ns = now;
	pthread_mutex_unlock(&r->lock);
	if (report)
		emit_progress("download", r->l->reference, sum, r->total);
}

/* ---- a stream that ends when another layer failed or the user gave up ---- */

struct layers_guard {
	struct blob blob;
	struct blob *inner;
	struct layers_run *run;
};

static ssize_t layers_guard_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	struct layers_guard *g = (struct layers_guard *)b;
	const atomic_bool *cancel = g->run->l->source->cancel;

	if (g->run->failed || (cancel && *cancel))
		return err_set(e, ECANCELED, "cancelled");
	return blob_read(g->inner, buf, len, e);
}

static void layers_guard_close(struct blob *b)
{
	struct layers_guard *g = (struct layers_guard *)b;

	blob_close(g->inner);
	free(g);
}

static int layers_guard(struct layers_run *r, struct blob *inner, struct blob **ret, struct sm_err *e)
{
	static const struct blob_ops ops = { layers_guard_read, layers_guard_close };
	struct layers_guard *g = calloc(1, sizeof(*g));

	if (!g) {
		blob_close(inner);
		return err_errno(e, ENOMEM, "layer");
	}
	*g = (struct layers_guard){ { &ops }, inner, r };
	*ret = &g->blob;
	return 0;
}

/* ---- threads ---- */

static int layers_one(struct layers_job *j, struct layer *l, struct sm_err *e)
{
	struct layers_run *r = j->run;
	struct bake b = { l->blob->digest, l->blob->size, l->diff_id, layers_progress, j };
	char name[LAYERS_NAME_MAX];
	FD_CLEANUP int fd = -1;
	struct blob *raw, *guarded = NULL;
	int rc;

	layers_name(l->diff_id, name);
	rc = store_tmp_file(r->l->tmp, name, &fd, e);
	if (!rc)
		rc = source_open_blob(r->l->source, l->blob, &raw, e);
	if (!rc)
		rc = layers_guard(r, raw, &guarded, e);
	return rc ? rc : bake_layer(guarded, &b, fd, e);
}

static struct layer *layers_next(struct layers_run *r)
{
	struct layer *l = NULL;

	pthread_mutex_lock(&r->lock);
	while (!l && !r->rc && r->next < r->l->nr) {
		struct layer *c = &r->l->list[r->next++];

		if (c->wanted && !c->baked)
			l = c;
	}
	pthread_mutex_unlock(&r->lock);
	return l;
}

static void *layers_thread(void *opaque)
{
	struct layers_job j = { .run = opaque };
	struct layers_run *r = j.run;
	struct layer *l;

	while ((l = layers_next(r))) {
		struct sm_err e = { 0 };
		int rc;

		j.done = 0;
		rc = layers_one(&j, l, &e);
		l->baked = !rc;
		if (!rc) {
			emit_progress("layer", l->blob->digest, l->blob->size, l->blob->size);
			continue;
		}
		pthread_mutex_lock(&r->lock);
		if (!r->rc) {
			r->rc = rc;
			r->error = e;
			r->failed = true;
		}
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

int layers_bake(struct layers *l, struct sm_err *e)
{
	struct layers_run r = { .l = l, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[LAYERS_THREADS];
	size_t nr = 0, want = 0;

	for (size_t i = 0; i < l->nr; i++)
		if (l->list[i].wanted && !l->list[i].baked) {
			want++;
			r.total += l->list[i].blob->size;
		}
	/* This thread is one of them. */
	while (nr + 1 < num_min(want, LAYERS_THREADS) &&
	       !pthread_create(&threads[nr], NULL, layers_thread, &r))
		nr++;
	layers_thread(&r);
	while (nr)
		pthread_join(threads[--nr], NULL);
	if (r.rc && e)
		*e = r.error;
	return r.rc;
}
