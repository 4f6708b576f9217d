/* SPDX-License-Identifier: Apache-2.0 */
/* Can KVM here run Linux? Says so, or why not with status 1. */
#include <stdio.h>

#include "hv/kvm/kvm.h"

int main(void)
{
	struct sm_err e;

	if (kvm_probe(&e) < 0) {
		fprintf(stderr, "kvm-probe: %s\n", e.text);
		return 1;
	}
	puts("kvm runs Linux");
	return 0;
}
