/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/cmdline.h"

#include <string.h>

#include "guest/agent/text.h"

static bool parse_word(const char *word, struct cmdline *c)
{
	if (!strncmp(word, "sm.layers=", 10)) {
		c->has_root = text_parse_u32(word + 10, CMDLINE_LAYERS_MAX, &c->layers);
		return c->has_root;
	}
	if (!strcmp(word, "sm.root=disk") || !strcmp(word, "sm.root=tmpfs")) {
		c->tmpfs = word[8] == 't';
		return true;
	}
	if (!strcmp(word, "sm.ready=console")) {
		c->ready_on_console = true;
		return true;
	}
	return strncmp(word, "sm.", 3) != 0;
}

void cmdline_parse(const char *text, struct cmdline *ret)
{
	char word[64];

	*ret = (struct cmdline){ 0 };
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (len < sizeof(word)) {
			memcpy(word, text, len);
			word[len] = 0;
			if (!parse_word(word, ret) && !ret->wrong[0])
				memcpy(ret->wrong, word, len + 1);
		}
		text += len;
		text += strspn(text, " \n");
	}
}
