/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "image/tar.h"
#include "util/fd.h"

/* A layer's archive to an EROFS image; what is refused names a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t uuid[16] = { 1 };
	int in = memfd_create("archive", MFD_CLOEXEC), out = memfd_create("image", MFD_CLOEXEC);
	struct blob *b = NULL;
	struct sm_err e;

	if (in >= 0 && out >= 0 && pwrite(in, data, len, 0) == (ssize_t)len) {
		if (!blob_open_fd(in, "fuzz", &b, &e)) {
			tar_to_erofs(b, out, uuid, &e);
			blob_close(b);
		}
		in = -1;
	}
	fd_close(&in);
	fd_close(&out);
	return 0;
}
