/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "arch/file.h"
#include "arch/x86_64/layout.h"
#include "util/bytes.h"
#include "util/num.h"

#define IMAGE_PHDRS_MAX 64u

/* bzImage: offsets in the file (Documentation/x86/boot.rst). */
enum {
	SETUP_SECTS = 0x1f1,
	SETUP_BOOT_FLAG = 0x1fe,
	SETUP_JUMP = 0x200, /* a short jump: its distance is the header's length */
	SETUP_HEADER = 0x202,
	SETUP_VERSION = 0x206,
	SETUP_XLOADFLAGS = 0x236,
	SETUP_PREF_ADDRESS = 0x258,
	SETUP_INIT_SIZE = 0x260,
	SETUP_READ = 0x280,
};
#define XLF_KERNEL_64 1u
#define BZIMAGE_ENTRY_64 0x200u

static int image_range_ok(const struct gmem *gm, uint64_t gpa, uint64_t len, struct sm_err *e)
{
	if (gpa < X86_HIMEM_GPA || !gmem_slice(gm, gpa, len))
		return err_set(e, ENOSPC, "kernel: %llu KiB at 0x%llx are not in guest memory",
			       (unsigned long long)len >> 10, (unsigned long long)gpa);
	return 0;
}

/* ---- ELF ---- */

static int elf_segment(struct gmem *gm, int fd, const uint8_t *ph, uint64_t size, struct x86_image *ret,
		       struct sm_err *e)
{
	uint64_t off = le64_get(ph + 8), pa = le64_get(ph + 24), filesz = le64_get(ph + 32);
	uint64_t memsz = le64_get(ph + 40);
	int r;

	if (le32_get(ph) != PT_LOAD || !memsz)
		return 0;
	if (filesz > memsz || !num_range_ok(off, filesz, size))
		return err_set(e, ENOEXEC, "kernel: an ELF segment reaches outside the file");
	r = image_range_ok(gm, pa, memsz, e);
	if (!r)
		r = file_load(gm, fd, "kernel", off, pa, filesz, e);
	if (!r && pa + memsz > ret->end)
		ret->end = pa + memsz;
	return r;
}

static int elf_load(struct gmem *gm, int fd, uint64_t size, const uint8_t *eh, struct x86_image *ret,
		    struct sm_err *e)
{
	uint64_t phoff = le64_get(eh + 32);
	uint16_t nr = le16_get(eh + 56);
	uint8_t ph[IMAGE_PHDRS_MAX * sizeof(Elf64_Phdr)] = { 0 };
	int r;

	if (eh[EI_CLASS] != ELFCLASS64 || eh[EI_DATA] != ELFDATA2LSB || le16_get(eh + 18) != EM_X86_64 ||
	    le16_get(eh + 54) != sizeof(Elf64_Phdr) || !nr || nr > IMAGE_PHDRS_MAX)
		return err_set(e, ENOEXEC, "kernel: an ELF file, but not an x86_64 kernel");
	if (!num_range_ok(phoff, nr * sizeof(Elf64_Phdr), size))
		return err_set(e, ENOEXEC, "kernel: its ELF headers reach outside the file");
	r = file_read(fd, "kernel", phoff, ph, nr * sizeof(Elf64_Phdr), e);
	for (uint16_t i = 0; i < nr && !r; i++)
		r = elf_segment(gm, fd, ph + i * sizeof(Elf64_Phdr), size, ret, e);
	ret->entry = le64_get(eh + 24);
	if (!r && (!ret->end || ret->entry < X86_HIMEM_GPA || ret->entry >= ret->end))
		r = err_set(e, ENOEXEC, "kernel: its entry 0x%llx is not within it",
			    (unsigned long long)ret->entry);
	return r;
}

/* ---- bzImage ---- */

static int bzimage_check(const uint8_t *s, struct sm_err *e)
{
	if (le16_get(s + SETUP_BOOT_FLAG) != 0xaa55 || memcmp(s + SETUP_HEADER, "HdrS", 4) != 0)
		return err_set(e, ENOEXEC, "kernel: neither an ELF vmlinux nor a bzImage");
	/* 2.12 brought xloadflags. */
	if (le16_get(s + SETUP_VERSION) < 0x20c || !(le16_get(s + SETUP_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(e, ENOEXEC, "kernel: a bzImage without a 64-bit entry");
	return 0;
}

static int bzimage_load(struct gmem *gm, int fd, uint64_t size, const uint8_t *s, struct x86_image *ret,
			struct sm_err *e)
{
	uint64_t sects = s[SETUP_SECTS] ? s[SETUP_SECTS] : 4, off = (sects + 1) * 512;
	uint64_t base = le64_get(s + SETUP_PREF_ADDRESS), span = le32_get(s + SETUP_INIT_SIZE);
	uint32_t header_end = SETUP_HEADER + s[SETUP_JUMP + 1];
	int r = bzimage_check(s, e);

	if (r < 0)
		return r;
	if (off >= size)
		return err_set(e, ENOEXEC, "kernel: a bzImage that ends after its setup");
	if (span < size - off)
		span = size - off;
	r = image_range_ok(gm, base, span, e);
	if (!r)
		r = file_load(gm, fd, "kernel", off, base, size - off, e);
	ret->entry = base + BZIMAGE_ENTRY_64;
	ret->end = base + span;
	ret->setup_len = (uint32_t)num_min(header_end - X86_SETUP_OFFSET, X86_SETUP_MAX);
	memcpy(ret->setup, s + X86_SETUP_OFFSET, ret->setup_len);
	return r;
}

int x86_image_load(struct gmem *gm, int fd, struct x86_image *ret, struct sm_err *e)
{
	uint8_t head[SETUP_READ] = { 0 };
	struct x86_image image = { 0 };
	uint64_t size;
	int r = file_size(fd, "kernel", &size, e);

	if (!r && size < sizeof(head))
		r = err_set(e, ENOEXEC, "kernel: %llu bytes are no x86_64 kernel", (unsigned long long)size);
	if (!r)
		r = file_read(fd, "kernel", 0, head, sizeof(head), e);
	if (r < 0)
		return r;
	if (!memcmp(head, ELFMAG, SELFMAG))
		r = elf_load(gm, fd, size, head, &image, e);
	else
		r = bzimage_load(gm, fd, size, head, &image, e);
	if (!r)
		*ret = image;
	return r;
}
