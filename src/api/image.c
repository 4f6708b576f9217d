/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/base.h"
#include "api/options.h"
#include "oci/reference.h"
#include "util/fd.h"

static void image_free(struct sm_image *image)
{
	if (!image)
		return;
	record_destroy(image->record);
	store_close(image->store);
	free(image->reference);
	free(image);
}

/* A handle with its own view of the store and no record yet. */
static int image_create(struct sm_ctx *ctx, const char *reference, struct sm_image **ret, struct sm_err *e)
{
	struct sm_image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return err_errno(e, ENOMEM, "image %s", reference);
	image->ctx = ctx;
	image->reference = strdup(reference);
	r = image->reference ? store_open(ctx->places.home, false, &image->store, e)
			     : err_errno(e, ENOMEM, "image %s", reference);
	if (r < 0)
		image_free(image);
	else
		*ret = image;
	return r;
}

/* Hands `image` out once its record is there (`r` is 0), else frees it. */
static int image_finish(struct sm_image *image, int r, struct sm_image **ret)
{
	if (r < 0) {
		image_free(image);
		return r;
	}
	__atomic_fetch_add(&image->ctx->nr_users, 1, __ATOMIC_RELAXED);
	*ret = image;
	return 0;
}

/* The image as the store has it now; ENOENT when it does not, or lacks a layer. */
static int image_from_store(struct sm_ctx *ctx, const char *reference, const char *platform,
			    struct sm_image **ret, struct sm_err *e)
{
	struct sm_image *image;
	int r = image_create(ctx, reference, &image, e);

	if (r < 0)
		return r;
	r = store_lookup(image->store, reference, platform, &image->record, e);
	if (!r && !store_has_layers(image->store, image->record))
		r = err_set(e, ENOENT, "image %s: a layer is missing in the store", reference);
	return image_finish(image, r, ret);
}

static int image_pull(struct sm_ctx *ctx, const char *reference, const char *platform,
		      const struct sm_pull_options *o, struct sm_err *e)
{
	const char *argv[] = { "supermachine-image",
			       "pull",
			       "--home",
			       ctx->places.home,
			       "--platform",
			       platform,
			       "--policy",
			       o->policy == SM_PULL_ALWAYS ? "always" : "missing",
			       reference,
			       NULL };

	const struct image_tool_calls calls = { .progress = o->progress, .opaque = o->progress_opaque };

	return image_tool_run(ctx, argv, &calls, e);
}

int sm_image_open(struct sm_ctx *ctx, const char *reference, const struct sm_pull_options *o,
		  struct sm_image **ret, struct sm_err *e)
{
	const struct backend *backend;
	struct reference ref = { 0 };
	struct sm_pull_options opt;
	const char *platform;
	int r = options_take(&opt, sizeof(opt), OPTIONS_SIZE(struct sm_pull_options, backend), o,
			     "sm_pull_options", e);

	if (!r)
		r = backend_choose(ctx, opt.backend, &backend, e);
	if (!r)
		r = reference_parse(reference, &ref, e);
	if (r < 0)
		return r;
	platform = opt.platform ? opt.platform : backend->platform;
	/* An OCI directory may change at any time: look at it again unless told not to. */
	if (opt.policy == SM_PULL_NEVER ||
	    (opt.policy == SM_PULL_MISSING && ref.kind == REFERENCE_REGISTRY)) {
		r = image_from_store(ctx, ref.text, platform, ret, e);
		if (opt.policy == SM_PULL_NEVER || r != -ENOENT)
			return r;
	}
	r = image_pull(ctx, ref.text, platform, &opt, e);
	return r ? r : image_from_store(ctx, ref.text, platform, ret, e);
}

int image_dup(struct sm_image *image, struct sm_image **ret, struct sm_err *e)
{
	struct sm_image *dup;
	int r = image_create(image->ctx, image->reference, &dup, e);

	if (r < 0)
		return r;
	r = record_create(json_deep_copy(image->record->json), image->reference, &dup->record, e);
	return image_finish(dup, r, ret);
}

void sm_image_close(struct sm_image *image)
{
	if (!image)
		return;
	__atomic_fetch_sub(&image->ctx->nr_users, 1, __ATOMIC_RELAXED);
	image_free(image);
}

const char *sm_image_reference(const struct sm_image *image)
{
	return image->reference;
}

const char *sm_image_digest(const struct sm_image *image)
{
	return image->record->digest;
}

struct image_lister {
	int (*fn)(void *opaque, const struct sm_image_info *info);
	void *opaque;
	struct store *store;
};

static int image_list_one(void *opaque, const char *reference, const struct image_record *r)
{
	const struct image_lister *l = opaque;
	const struct sm_image_info info = {
		.reference = reference,
		.platform = r->platform,
		.digest = r->digest,
		.id = r->id,
		.created = r->created,
		.size = store_disk_usage(l->store, r),
	};

	return l->fn(l->opaque, &info);
}

int sm_image_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_image_info *info), void *opaque,
		  struct sm_err *e)
{
	struct image_lister l = { fn, opaque, NULL };
	int r = store_open(ctx->places.home, false, &l.store, e);

	if (r == -ENOENT)
		return 0; /* nothing was ever pulled */
	if (r < 0)
		return r;
	r = store_list(l.store, image_list_one, &l, e);
	store_close(l.store);
	return r;
}

/* The store, and `reference` normalized; ENOENT when nothing was ever pulled. */
static int image_open_store(struct sm_ctx *ctx, const char *reference, struct reference *ref,
			    struct store **ret, struct sm_err *e)
{
	int r = reference_parse(reference, ref, e);

	if (!r)
		r = store_open(ctx->places.home, false, ret, e);
	if (r == -ENOENT)
		return err_set(e, ENOENT, "image %s: not in the store; `supermachine images` lists what is",
			       ref->text);
	return r;
}

int sm_image_remove(struct sm_ctx *ctx, const char *reference, struct sm_err *e)
{
	struct reference ref;
	struct store *store;
	uint64_t freed;
	int r = image_open_store(ctx, reference, &ref, &store, e);

	if (r < 0)
		return r;
	r = store_remove(store, ref.text, &freed, e);
	if (!r)
		base_sweep(store, NULL);
	store_close(store);
	return r;
}

int sm_image_tag(struct sm_ctx *ctx, const char *reference, const char *name, struct sm_err *e)
{
	struct reference from, to;
	struct store *store;
	int r = reference_parse(name, &to, e);

	if (!r && (to.kind != REFERENCE_REGISTRY || *to.digest))
		r = err_set(e, EINVAL, "tag '%s': a new name is NAME[:TAG], without a digest", name);
	if (!r)
		r = image_open_store(ctx, reference, &from, &store, e);
	if (r < 0)
		return r;
	r = store_tag(store, from.text, to.text, e);
	store_close(store);
	return r;
}

struct image_loader {
	int (*fn)(void *opaque, const char *reference);
	void *opaque;
};

static int image_load_result(void *opaque, const json_t *object)
{
	const struct image_loader *l = opaque;
	const json_t *image = json_object_get(object, "image");
	const char *reference = json_string_value(json_object_get(image, "reference"));

	return reference && l->fn ? l->fn(l->opaque, reference) : 0;
}

int sm_image_load(struct sm_ctx *ctx, int fd, int (*fn)(void *opaque, const char *reference), void *opaque,
		  struct sm_err *e)
{
	const char *argv[] = { "supermachine-image", "load", "--home", ctx->places.home, NULL };
	struct image_loader l = { fn, opaque };
	const struct image_tool_calls calls = { .result = image_load_result, .opaque = &l, .input = &fd };

	return image_tool_run(ctx, argv, &calls, e);
}

int sm_image_prune(struct sm_ctx *ctx, bool all, bool dry, uint64_t *ret_freed, struct sm_err *e)
{
	struct store_garbage sum = { 0 };
	struct store *store;
	int r = store_open(ctx->places.home, false, &store, e);

	if (!r) {
		r = store_prune(store, all, dry, &sum, e);
		store_close(store);
	} else if (r == -ENOENT) {
		r = 0; /* nothing was ever pulled */
	}
	if (!r)
		*ret_freed = sum.bytes;
	return r;
}
