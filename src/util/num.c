/* SPDX-License-Identifier: Apache-2.0 */
#include "util/num.h"

#include <ctype.h>

/* Digits at *s, moving it behind them. */
static bool num_digits(const char **s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++)
		if (!num_mul(v, 10, &v) || !num_add(v, (uint64_t)(**s - '0'), &v))
			return false;
	*ret = v;
	return true;
}

bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (!num_digits(&s, &v) || *s || v > max)
		return false;
	*ret = v;
	return true;
}
