/* SPDX-License-Identifier: Apache-2.0 */
/* Integers of all widths, floating point, strings and sorting; the same output at -O0 and -O3. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	int16_t key;
	double value;
	char name[12];
};

static int by_value(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static uint64_t collatz(uint32_t limit)
{
	uint64_t steps = 0;

	for (uint32_t i = 1; i < limit; i++)
		for (uint64_t n = i; n != 1; steps++)
			n = n & 1 ? 3 * n + 1 : n / 2;
	return steps;
}

static float dot(const float *a, const float *b, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

int main(void)
{
	static struct item items[3000];
	static float f[512], g[512];
	static uint8_t bytes[5000];
	uint32_t seed = 1, sum = 0;

	for (int i = 0; i < 3000; i++) {
		seed = seed * 1664525 + 1013904223;
		items[i].key = (int16_t)(seed >> 16);
		items[i].value = sqrt(seed % 100003) / (i + 1) - ldexp(1, (int)(seed >> 28));
		snprintf(items[i].name, sizeof(items[i].name), "%x", seed >> 4);
	}
	qsort(items, 3000, sizeof(items[0]), by_value);
	for (int i = 0; i < 3000; i += 600)
		printf("%d %.17g %s\n", items[i].key, items[i].value, items[i].name);
	for (int i = 0; i < 512; i++) {
		f[i] = (float)(i % 16);
		g[i] = (float)(items[i].key % 8);
	}
	printf("%.9g %llu\n", (double)dot(f, g, 512), (unsigned long long)collatz(30000));
	for (int i = 0; i < 5000; i++)
		bytes[i] = (uint8_t)(items[i % 3000].key * 3 >> 1);
	for (int i = 0; i < 5000; i++)
		sum += bytes[i] > 100 ? bytes[i] * 5u : bytes[i] ^ 0x55u;
	printf("%u %zu %lld\n", sum, strlen(items[7].name), (long long)items[9].key * -123456789012 / 77);
	return 0;
}
