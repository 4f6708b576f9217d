/* SPDX-License-Identifier: Apache-2.0 */
#include "api/options.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "util/num.h"

/* More than this is no size but rubbish. */
#define OPTIONS_MAX 4096

int options_take(void *ret, size_t len, size_t first, const void *from, const char *name, struct sm_err *e)
{
	const uint8_t *bytes = from;
	size_t size;

	if (from) {
		memcpy(&size, from, sizeof(size));
		if (size < first || size > OPTIONS_MAX)
			return err_set(e, EINVAL, "%s.size is %zu: set it to sizeof", name, size);
		for (size_t i = len; i < size; i++)
			if (bytes[i])
				return err_set(e, EINVAL,
					       "%s: has members that libsupermachine %s does not know", name,
					       SM_VERSION);
	}
	memset(ret, 0, len);
	if (from)
		memcpy(ret, from, num_min(size, len));
	memcpy(ret, &len, sizeof(len));
	return 0;
}
