/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/fuzz/script.h"
#include "util/fd.h"

#define DISK_LEN (256 << 10)

static struct blk *blk;

/* The medium goes, or another one comes: three sizes, one of them no whole sector. */
static void host(uint8_t what)
{
	static const uint32_t lens[] = { DISK_LEN, 4096, 700 };
	struct disk *disk = NULL;
	int fd = memfd_create("other", MFD_CLOEXEC);

	if (what % 4 == 3 || fd < 0 || ftruncate(fd, lens[what % 4])) {
		fd_close(&fd);
		blk_attach(blk, NULL, NULL);
	} else if (!disk_file_open(fd, what & 4, &disk, NULL)) {
		blk_attach(blk, disk, "other");
	}
}

/* First byte: bit 0 read-only, bit 1 no medium at first. The disk never grows, a read-only one never changes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct blk_options opt = { .serial = "fuzz" };
	struct virtio_config cfg;
	struct ring_driver d;
	struct stat st;
	int fd;

	if (!len)
		return 0;
	opt.read_only = data[0] & 1;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, DISK_LEN))
		return 0;
	if (!(data[0] & 2) && disk_file_open(dup(fd), false, &opt.disk, NULL))
		return 0;
	ring_init(&d);
	cfg = ring_config(&d);
	if (blk_create(&cfg, &opt, &blk, NULL) == 0) {
		d.vd = blk_virtio(blk);
		script_run(&d, data + 1, len - 1, host);
	}
	ring_fini(&d);
	assert(!fstat(fd, &st) && st.st_size == DISK_LEN && (!opt.read_only || !st.st_blocks));
	close(fd);
	return 0;
}
