/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/fuzz/script.h"

#define DISK_LEN (256 << 10)

/* First byte: read-only? The disk never grows, and a read-only one never changes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct blk_options opt = { .serial = "fuzz" };
	struct virtio_config cfg;
	struct ring_driver d;
	struct blk *b;
	struct stat st;
	int fd;

	if (!len)
		return 0;
	opt.read_only = data[0] & 1;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, DISK_LEN) || disk_file_open(dup(fd), false, &opt.disk, NULL))
		return 0;
	ring_init(&d);
	cfg = ring_config(&d);
	if (blk_create(&cfg, &opt, &b, NULL) == 0) {
		d.vd = blk_virtio(b);
		script_run(&d, data + 1, len - 1, NULL);
	}
	ring_fini(&d);
	assert(!fstat(fd, &st) && st.st_size == DISK_LEN && (!opt.read_only || !st.st_blocks));
	close(fd);
	return 0;
}
