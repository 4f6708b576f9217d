/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/text.h"

static struct {
	uint32_t flags;
	uint32_t nr_mounts, nr_limits;
	struct {
		const char *target, *data;
		uint64_t flags;
	} mounts[SMP_CONTAINER_MAX];
	struct {
		uint32_t resource;
		struct rlimit limit;
	} limits[SMP_CONTAINER_MAX];
} settings;

/* Each line in the file of the agent's that the container gets. */
static void put_lines(const char *name, char *const *lines)
{
	char path[128];
	int fd;

	if (!*lines)
		return;
	text_join(path, sizeof(path), container_get_place()->etc, "/", name, NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	for (; fd >= 0 && *lines; lines++)
		if (write(fd, *lines, strlen(*lines)) < 0 || write(fd, "\n", 1) < 0)
			text_log(path, ": ", text_errno(errno), NULL);
	if (fd >= 0)
		close(fd);
}

static bool take_mounts(struct frame_reader *r)
{
	settings.nr_mounts = frame_get_u32(r);
	if (settings.nr_mounts > SMP_CONTAINER_MAX)
		return false;
	for (uint32_t i = 0; i < settings.nr_mounts; i++) {
		settings.mounts[i].target = frame_get_str(r);
		settings.mounts[i].flags = frame_get_u64(r);
		settings.mounts[i].data = frame_get_str(r);
	}
	return true;
}

static bool take_limits(struct frame_reader *r)
{
	settings.nr_limits = frame_get_u32(r);
	if (settings.nr_limits > SMP_CONTAINER_MAX)
		return false;
	for (uint32_t i = 0; i < settings.nr_limits; i++) {
		settings.limits[i].resource = frame_get_u32(r);
		settings.limits[i].limit.rlim_cur = frame_get_u64(r);
		settings.limits[i].limit.rlim_max = frame_get_u64(r);
	}
	return true;
}

bool settings_take(const struct frame *f)
{
	static char *hosts[SMP_LIST_MAX + 1], *resolv[SMP_LIST_MAX + 1];
	static uint8_t *memory;
	struct frame copy = *f;
	struct frame_reader r;

	/* Once: the strings of the first would go while a container uses them. */
	if (memory || !(memory = malloc(f->len + 1)))
		return false;
	copy.data = memcpy(memory, f->data, f->len);
	r = frame_reader_of(&copy);
	settings.flags = frame_get_u32(&r);
	frame_get_list(&r, hosts);
	frame_get_list(&r, resolv);
	if (!take_mounts(&r) || !take_limits(&r) || !frame_reader_done(&r)) {
		memset(&settings, 0, sizeof(settings));
		return false;
	}
	put_lines("hosts", hosts);
	put_lines("resolv.conf", resolv);
	return true;
}

static int fail(const char *what, const char *object, char *why, size_t why_size)
{
	int err = errno;

	text_join(why, why_size, what, " ", object, ": ", text_errno(err), NULL);
	return -err;
}

static void make_path(const char *path)
{
	char part[4096];

	text_join(part, sizeof(part), path, NULL);
	for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(part, 0755);
		*p = '/';
	}
	mkdir(part, 0755);
}

int settings_mount(char *why, size_t why_size)
{
	for (uint32_t i = 0; i < settings.nr_mounts; i++) {
		const char *target = settings.mounts[i].target;

		make_path(target);
		if (mount("tmpfs", target, "tmpfs", settings.mounts[i].flags, settings.mounts[i].data))
			return fail("mount tmpfs on", target, why, why_size);
	}
	return 0;
}

int settings_seal(char *why, size_t why_size)
{
	if (!(settings.flags & SMP_CONTAINER_READ_ONLY))
		return 0;
	/* This mount of the root, in this namespace: the agent's own stays writable. */
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
		return fail("make read-only", "/", why, why_size);
	return 0;
}

int settings_limit(char *why, size_t why_size)
{
	for (uint32_t i = 0; i < settings.nr_limits; i++) {
		char number[21];

		if (!setrlimit((__rlimit_resource_t)settings.limits[i].resource, &settings.limits[i].limit))
			continue;
		return fail("set resource limit", text_u64(number, settings.limits[i].resource), why,
			    why_size);
	}
	return 0;
}
