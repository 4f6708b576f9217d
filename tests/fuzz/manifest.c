/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>

#include "oci/manifest.h"

/* The same bytes as manifest or index, and as image configuration. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	MANIFEST_CLEANUP struct manifest *m = NULL;
	IMAGE_CONFIG_CLEANUP struct image_config *c = NULL;
	const struct descriptor *d = NULL;
	struct sm_err e;

	if (!manifest_parse((const char *)data, len, "fuzz", &m, &e)) {
		assert(m->nr_items <= MANIFEST_ENTRIES_MAX);
		if (m->index && !manifest_choose(m, "linux/arm64", "fuzz", &d, &e))
			assert(d >= m->items && d < m->items + m->nr_items);
	}
	if (!image_config_parse((const char *)data, len, "fuzz", &c, &e))
		assert(c->nr_diff_ids <= MANIFEST_LAYERS_MAX);
	return 0;
}
