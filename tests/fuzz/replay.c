/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a folder, one TAP result each, without libFuzzer. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_MAX (1u << 20)

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data, *exact;
	size_t len;

	if (!f)
		return -1;
	data = malloc(REPLAY_MAX);
	len = data ? fread(data, 1, REPLAY_MAX, f) : 0;
	fclose(f);
	/* As long as the input and no longer, so that a sanitizer sees a read past its end. */
	exact = malloc(len ? len : 1);
	if (!data || !exact) {
		free(data);
		free(exact);
		return -1;
	}
	memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int nr, bad = 0, tests = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	nr = scandir(argv[1], &names, NULL, alphasort);
	if (nr < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (int i = 0; i < nr; i++) {
		char path[4096];

		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
			int r = replay_file(path);

			printf("%s %d - %s\n", r ? "not ok" : "ok", ++tests, names[i]->d_name);
			fflush(stdout);
			bad |= r;
		}
		free(names[i]);
	}
	free(names);
	printf("1..%d\n", tests);
	return bad || !tests;
}
