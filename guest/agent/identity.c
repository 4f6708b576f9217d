/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/text.h"

#define ENTROPY_MIN 32u
#define ENTROPY_MAX 4096u
#define HOSTNAME_MAX 64u
#define GENERATION_MAX 64u
/* What the driver of /dev/hwrng may have fetched before the snapshot was made. */
#define STALE_RANDOM 256u

struct identity {
	const char *hostname;
	uint64_t realtime_ns; /* 0: leave the clock alone */
	const uint8_t *entropy;
	uint32_t entropy_len;
};

static bool take(struct frame_reader *r, struct identity *ret)
{
	ret->hostname = frame_get_str(r);
	ret->realtime_ns = frame_get_u64(r);
	ret->entropy = frame_get_blob(r, &ret->entropy_len);
	return !r->broken && ret->entropy_len >= ENTROPY_MIN && ret->entropy_len <= ENTROPY_MAX &&
	       strlen(ret->hostname) <= HOSTNAME_MAX;
}

/* Its siblings got the same bytes; nobody shall use them. */
static void drop_stale_random(void)
{
	uint8_t stale[STALE_RANDOM];
	size_t len = 0;
	ssize_t n = 1;
	int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && len < sizeof(stale) && n > 0) {
		n = read(fd, stale, sizeof(stale) - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
}

/* `reseed`: what the kernel's generator would give now is known to others; make it forget. */
static void add_entropy(const struct identity *id, bool reseed)
{
	/* struct rand_pool_info: bits, bytes, the bytes. */
	uint32_t pool[2 + ENTROPY_MAX / 4] = { id->entropy_len * 8, id->entropy_len };
	int fd = open("/dev/random", O_RDWR | O_CLOEXEC);

	memcpy(pool + 2, id->entropy, id->entropy_len);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool) || (reseed && ioctl(fd, RNDRESEEDCRNG)))
		text_log("entropy: ", text_errno(errno), NULL);
	if (fd >= 0)
		close(fd);
}

static void set_clock(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	if (ns && clock_settime(CLOCK_REALTIME, &t))
		text_log("clock: ", text_errno(errno), NULL);
}

static void apply(const struct identity *id, bool reseed)
{
	add_entropy(id, reseed);
	set_clock(id->realtime_ns);
	if (*id->hostname)
		container_set_hostname(id->hostname);
}

bool identity_greet(struct frame_reader *r)
{
	struct identity id;

	if (!take(r, &id) || !frame_reader_done(r))
		return false;
	apply(&id, false);
	return true;
}

bool identity_resume(struct frame_reader *r)
{
	struct identity id;
	const char *generation;

	if (!take(r, &id))
		return false;
	generation = frame_get_str(r);
	if (!frame_reader_done(r) || strlen(generation) > GENERATION_MAX)
		return false;
	drop_stale_random();
	apply(&id, true);
	if (*generation)
		container_set_boot_id(generation);
	return true;
}
