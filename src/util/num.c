/* SPDX-License-Identifier: Apache-2.0 */
#include "util/num.h"

#include <ctype.h>
#include <strings.h>

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

bool num_parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "bkmgtp";
	uint64_t v, shift = 0;

	if (!num_digits(&s, &v))
		return false;
	if (*s) {
		const char *u = units;

		while (*u && *u != tolower((unsigned char)*s))
			u++;
		if (!*u)
			return false;
		shift = (uint64_t)(u - units) * 10;
		s++;
		if (shift && strcasecmp(s, "b") && strcasecmp(s, "ib") && *s)
			return false;
		if (!shift && *s)
			return false;
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*ret = v << shift;
	return true;
}
