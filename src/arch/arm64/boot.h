/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux' arm64 boot protocol (Documentation/arm64/booting.rst): puts kernel, initrd and
 * device tree into guest memory. Both files are hostile.
 */
#ifndef ARCH_ARM64_BOOT_H
#define ARCH_ARM64_BOOT_H

#include "arch/arm64/fdt.h"
#include "hv/hv.h"
#include "mem/gmem.h"

/*
 * `gm` has a region of m->ram_size bytes at ARM64_RAM_BASE; m's initrd range is found
 * here. `initrd_fd` -1: none. Both are regular files and stay the caller's. ENOEXEC: not
 * an arm64 kernel; ENOSPC: the memory is too small.
 */
int arm64_boot_load(struct gmem *gm, int kernel_fd, int initrd_fd, const struct arm64_machine *m,
		    struct hv_boot *ret, struct sm_err *e);

#endif
