/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can run guests here. The library does not link the backends (the worker does):
 * this table says what they run, and the probes say whether they can on this machine.
 */
#include "api/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/hv.h"
#include "util/num.h"

static int backend_probe_soft(struct sm_err *e)
{
	(void)e;
	return 0;
}

/*
 * Best first. A probe fails with "why; what to do". pci=off: the machine has no PCI, and
 * looking for it costs a quarter of a boot's exits.
 */
static const struct backend backends[] = {
#if defined(__x86_64__)
	{ "kvm", "linux/amd64", "x86_64", "vmlinux", "console=ttyS0 reboot=k pci=off", kvm_probe,
	  "the processor's virtualization, through /dev/kvm", "/dev/kvm", false },
#elif defined(__aarch64__)
	{ "kvm", "linux/arm64", "arm64", "Image", "console=ttyAMA0 reboot=t", kvm_probe,
	  "the processor's virtualization, through /dev/kvm", "/dev/kvm", false },
#endif
	{ "soft", "linux/arm64", "arm64", "Image", "console=ttyAMA0 reboot=t", backend_probe_soft,
	  "an arm64 computer in software, which needs nothing of the machine", NULL, true },
};

/* The first that works and whose guest kernel is there; soft works everywhere. */
static const struct backend *backend_best(const struct places *places)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < NUM_COUNTOF(backends); i++)
		if (!places_guest_file(places, backends[i].arch, backends[i].kernel, path, NULL) &&
		    !backends[i].probe(NULL))
			return &backends[i];
	return &backends[NUM_COUNTOF(backends) - 1];
}

int backend_choose(struct sm_ctx *ctx, const char *wanted, const struct backend **ret, struct sm_err *e)
{
	if (!wanted || !strcmp(wanted, "auto")) {
		pthread_mutex_lock(&ctx->lock);
		if (!ctx->best)
			ctx->best = backend_best(&ctx->places);
		*ret = ctx->best;
		pthread_mutex_unlock(&ctx->lock);
		return 0;
	}
	for (size_t i = 0; i < NUM_COUNTOF(backends); i++) {
		if (strcmp(backends[i].name, wanted) != 0)
			continue;
		*ret = &backends[i];
		return backends[i].probe(e) < 0 ? err_prefix(e, "backend %s", wanted) : 0;
	}
	return err_set(e, EINVAL, "backend %s: unknown; auto, kvm and soft are possible", wanted);
}

int sm_backend_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_backend_info *info),
		    void *opaque, struct sm_err *e)
{
	const struct backend *best;
	int r = backend_choose(ctx, NULL, &best, e);

	for (size_t i = 0; i < NUM_COUNTOF(backends) && !r; i++) {
		const struct backend *b = &backends[i];
		struct sm_backend_info info = { .name = b->name,
						.platform = b->platform,
						.chosen = b == best };
		struct sm_err why = { 0 };
		char *hint;

		info.usable = !b->probe(&why);
		hint = strstr(why.text, "; ");
		if (hint)
			*hint = 0;
		info.reason = info.usable ? b->what : why.text;
		info.hint = hint ? hint + 2 : "";
		r = fn(opaque, &info);
	}
	return r;
}
