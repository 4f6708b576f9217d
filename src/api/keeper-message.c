/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/fd.h"
#include "util/num.h"

static const char *const stream_names[] = { "stdin", "stdout", "stderr" };

int keeper_send(int fd, json_t *msg, const int *fds, size_t nr_fds)
{
	char *text = json_dumps(msg, JSON_COMPACT);
	int r = text ? fd_send_msg(fd, text, strlen(text), fds, nr_fds) : -ENOMEM;

	json_decref(msg);
	free(text);
	return r;
}

int keeper_receive(int fd, json_t **ret, int fds[KEEPER_FDS_MAX])
{
	char text[KEEPER_MSG_MAX];
	int got[KEEPER_FDS_MAX];
	size_t nr = 0;
	ssize_t n = fd_recv_msg(fd, text, sizeof(text), got, KEEPER_FDS_MAX, &nr);
	json_t *o = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < KEEPER_FDS_MAX; i++)
		fds[i] = i < nr ? got[i] : -1;
	if (o && json_is_string(json_object_get(o, "op"))) {
		*ret = o;
		return 0;
	}
	json_decref(o);
	keeper_close_fds(fds);
	return n ? -EPROTO : -ECONNRESET;
}

void keeper_close_fds(int fds[KEEPER_FDS_MAX])
{
	for (size_t i = 0; i < KEEPER_FDS_MAX; i++)
		fd_close(&fds[i]);
}

json_t *keeper_put_streams(const int streams[3], int *fds, size_t *nr)
{
	json_t *names = json_array();

	for (size_t i = 0; i < 3; i++) {
		if (streams[i] < 0)
			continue;
		json_array_append_new(names, json_string(stream_names[i]));
		fds[(*nr)++] = streams[i];
	}
	return names;
}

void keeper_take_streams(const json_t *msg, int *fds, size_t first, int ret[3])
{
	const json_t *names = json_object_get(msg, "streams");

	ret[0] = ret[1] = ret[2] = -1;
	for (size_t i = 0; i < json_array_size(names) && first < KEEPER_FDS_MAX; i++, first++) {
		const char *name = json_string_value(json_array_get(names, i));

		for (size_t k = 0; k < NUM_COUNTOF(stream_names); k++)
			if (name && !strcmp(name, stream_names[k]) && ret[k] < 0)
				ret[k] = fd_steal(&fds[first]);
	}
}
