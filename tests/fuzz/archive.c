/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oci/source.h"
#include "util/fd.h"

static char dir[] = "/tmp/fuzz-archive.XXXXXX";

static void fuzz_remove_dir(void)
{
	rmdir(dir);
}

static void fuzz_remove_files(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d)))
		unlinkat(dirfd(d), de->d_name, 0);
	if (d)
		closedir(d);
}

/* One archive as `docker save` and as an OCI layout: the manifest, and a blob that is not there. */
static void fuzz_source(const struct source_options *o)
{
	struct descriptor none = { .digest = DIGEST_PREFIX "0" };
	char *data = NULL, digest[DIGEST_SIZE];
	struct source *s = NULL;
	struct blob *b;
	struct sm_err e;
	size_t len;

	if (source_open(o, &s, &e))
		return;
	if (!source_read_manifest(s, NULL, &data, &len, digest, &e))
		free(data);
	if (!source_open_blob(s, &none, &b, &e))
		blob_close(b);
	source_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool made;
	struct reference r = { .kind = REFERENCE_DOCKER_ARCHIVE, .text = "fuzz" };
	struct source_options o = { .reference = &r };
	int in = memfd_create("archive", MFD_CLOEXEC);

	if (!made && mkdtemp(dir)) {
		made = true;
		atexit(fuzz_remove_dir);
	}
	o.tmp = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(r.dir, sizeof(r.dir), "/proc/self/fd/%d", in);
	if (in >= 0 && o.tmp >= 0 && pwrite(in, data, len, 0) == (ssize_t)len) {
		fuzz_source(&o);
		r.kind = REFERENCE_OCI_ARCHIVE;
		fuzz_source(&o);
	}
	fd_close(&in);
	if (o.tmp >= 0)
		fuzz_remove_files(o.tmp);
	return 0;
}
