/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "oci/reference.h"

/* What is accepted is normalized: parsing its text again gives the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct reference one, two;
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	if (!reference_parse(text, &one, NULL)) {
		assert(!reference_parse(one.text, &two, NULL));
		assert(!strcmp(one.text, two.text));
	}
	free(text);
	return 0;
}
