/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arm64/boot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arch/file.h"
#include "util/bytes.h"
#include "util/fd.h"
#include "util/num.h"

/* The header of an Image. */
enum {
	IMAGE_TEXT_OFFSET = 8,
	IMAGE_SIZE = 16,
	IMAGE_FLAGS = 24,
	IMAGE_MAGIC = 56,
	IMAGE_HEADER_LEN = 64,
};
#define IMAGE_MAGIC_VALUE 0x644d5241u /* "ARM\x64" */
#define IMAGE_FLAG_BE 1u
#define IMAGE_FLAG_PAGE(f) ((f) >> 1 & 3) /* 0 unspecified, 1 4K, 2 16K, 3 64K */
#define IMAGE_PLACE_ALIGN 0x200000u

/* Guest-physical ranges, all within the RAM at ARM64_RAM_BASE. */
struct placement {
	uint64_t kernel, kernel_len; /* bytes of the file */
	uint64_t kernel_span;	     /* with what the kernel claims beyond its file */
	uint64_t initrd, initrd_len;
	uint64_t fdt;
};

static const char *what_it_is(const uint8_t *header)
{
	if (!memcmp(header, "\x1f\x8b", 2))
		return "it is compressed with gzip; unpack it first";
	if (!memcmp(header, "\x28\xb5\x2f\xfd", 4))
		return "it is compressed with zstd; unpack it first";
	if (!memcmp(header,
		    "\x7f"
		    "ELF",
		    4))
		return "it is an ELF file; arch/arm64/boot/Image is needed";
	if (!memcmp(header, "MZ\0\0zimg", 8))
		return "it is a compressed EFI image; arch/arm64/boot/Image is needed";
	return "there is no \"ARM\\x64\" at byte 56";
}

static int image_check(const uint8_t *header, struct sm_err *e)
{
	uint64_t flags = le64_get(header + IMAGE_FLAGS);

	if (le32_get(header + IMAGE_MAGIC) != IMAGE_MAGIC_VALUE)
		return err_set(e, ENOEXEC, "kernel: not an arm64 Linux image: %s", what_it_is(header));
	if (flags & IMAGE_FLAG_BE)
		return err_set(e, ENOEXEC, "kernel: it is big-endian");
	if (IMAGE_FLAG_PAGE(flags) > 1)
		return err_set(e, ENOEXEC, "kernel: its pages are %s KiB; only 4 KiB are possible",
			       IMAGE_FLAG_PAGE(flags) == 2 ? "16" : "64");
	/* Zero: older than Linux 3.17, when text_offset's byte order was not fixed. */
	if (!le64_get(header + IMAGE_SIZE))
		return err_set(e, ENOEXEC, "kernel: its header gives no image size (older than Linux 3.17)");
	if (le64_get(header + IMAGE_TEXT_OFFSET) >= IMAGE_PLACE_ALIGN ||
	    le64_get(header + IMAGE_TEXT_OFFSET) % GMEM_PAGE)
		return err_set(e, ENOEXEC, "kernel: its text offset 0x%llx is not possible",
			       (unsigned long long)le64_get(header + IMAGE_TEXT_OFFSET));
	return 0;
}

static int kernel_read_header(int fd, struct placement *p, struct sm_err *e)
{
	uint8_t header[IMAGE_HEADER_LEN];
	ssize_t n;
	int r = file_size(fd, "kernel", &p->kernel_len, e);

	if (r < 0)
		return r;
	n = fd_pread_full(fd, header, sizeof(header), 0);
	if (n < 0)
		return err_errno(e, (int)-n, "kernel");
	if (n < (ssize_t)sizeof(header))
		return err_set(e, ENOEXEC, "kernel: %zd bytes are not an arm64 Linux image", n);
	r = image_check(header, e);
	if (r < 0)
		return r;
	p->kernel = ARM64_RAM_BASE + le64_get(header + IMAGE_TEXT_OFFSET);
	p->kernel_span = le64_get(header + IMAGE_SIZE);
	if (p->kernel_span < p->kernel_len)
		p->kernel_span = p->kernel_len;
	return 0;
}

/* From the top: device tree, initrd; the kernel at the bottom must end below them. */
static int place(const struct arm64_machine *m, struct placement *p, struct sm_err *e)
{
	uint64_t top = ARM64_RAM_BASE + m->ram_size, end;

	if (m->ram_size <= ARM64_FDT_MAX)
		return err_set(e, ENOSPC, "guest memory: %llu bytes are too few",
			       (unsigned long long)m->ram_size);
	p->fdt = num_align_down(top - ARM64_FDT_MAX, GMEM_PAGE);
	p->initrd = p->fdt;
	if (p->initrd_len > p->fdt - ARM64_RAM_BASE)
		return err_set(e, ENOSPC, "initrd: %llu bytes do not fit into %llu MiB of guest memory",
			       (unsigned long long)p->initrd_len, (unsigned long long)m->ram_size >> 20);
	p->initrd = num_align_down(p->fdt - p->initrd_len, GMEM_PAGE);
	if (!num_add(p->kernel, p->kernel_span, &end) || end > p->initrd)
		return err_set(e, ENOSPC,
			       "kernel: its %llu KiB and the initrd do not fit into %llu MiB of guest memory",
			       (unsigned long long)p->kernel_span >> 10,
			       (unsigned long long)m->ram_size >> 20);
	return 0;
}

static int load_fdt(struct gmem *gm, const struct arm64_machine *m, const struct placement *p,
		    struct sm_err *e)
{
	struct arm64_machine with_initrd = *m;
	void *out = gmem_slice_write(gm, p->fdt, ARM64_FDT_MAX);
	size_t len;

	if (!out)
		return err_set(e, ENOSPC, "device tree: does not fit into the guest memory");
	with_initrd.initrd_gpa = p->initrd;
	with_initrd.initrd_len = p->initrd_len;
	return arm64_fdt_build(&with_initrd, out, ARM64_FDT_MAX, &len, e);
}

int arm64_boot_load(struct gmem *gm, int kernel_fd, int initrd_fd, const struct arm64_machine *m,
		    struct hv_boot *ret, struct sm_err *e)
{
	struct placement p = { 0 };
	int r = kernel_read_header(kernel_fd, &p, e);

	if (!r && initrd_fd >= 0)
		r = file_size(initrd_fd, "initrd", &p.initrd_len, e);
	if (!r)
		r = place(m, &p, e);
	if (!r)
		r = file_load(gm, kernel_fd, "kernel", 0, p.kernel, p.kernel_len, e);
	if (!r && p.initrd_len)
		r = file_load(gm, initrd_fd, "initrd", 0, p.initrd, p.initrd_len, e);
	if (!r)
		r = load_fdt(gm, m, &p, e);
	if (r < 0)
		return r;
	*ret = (struct hv_boot){ .pc = p.kernel, .arg = p.fdt };
	return 0;
}
