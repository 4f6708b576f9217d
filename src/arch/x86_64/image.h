/* SPDX-License-Identifier: Apache-2.0 */
/* x86_64 kernel files: an ELF vmlinux or a bzImage. Both are hostile. */
#ifndef ARCH_X86_64_IMAGE_H
#define ARCH_X86_64_IMAGE_H

#include <stdint.h>

#include "mem/gmem.h"

#define X86_SETUP_OFFSET 0x1f1u /* of the setup header, in file and zero page */
#define X86_SETUP_MAX 0x8fu	/* bytes up to 0x280 */

struct x86_image {
	uint64_t entry;	    /* 64-bit entry point */
	uint64_t end;	    /* first byte behind what the kernel needs */
	uint32_t setup_len; /* bytes of `setup`; 0 for ELF */
	uint8_t setup[X86_SETUP_MAX];
};

/* Puts the kernel where it wants to be, below 3 GiB and above 1 MiB. ENOEXEC: no such kernel; ENOSPC: too
 * little memory. */
int x86_image_load(struct gmem *gm, int fd, struct x86_image *ret, struct sm_err *e);

#endif
