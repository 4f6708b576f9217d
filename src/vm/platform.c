/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/platform.h"

#include "util/num.h"

static const struct platform *const platforms[] = { &platform_arm64, &platform_x86_64 };

const struct platform *platform_find(enum hv_arch arch)
{
	for (size_t i = 0; i < NUM_COUNTOF(platforms); i++)
		if (platforms[i]->arch == arch)
			return platforms[i];
	return NULL;
}
