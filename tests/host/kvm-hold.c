/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps two idle VMs as long as an emulated x86_64 host lives, one with the kernel's
 * interrupt controller and one without.
 *
 * The first VM, the first vCPU without a LAPIC and the first whose LAPIC is off make the
 * host's kernel patch its own code, and so do the last ones when they go. QEMU's threaded
 * TCG sometimes misses such a patch made by another CPU, and goes on raising a breakpoint
 * that is no longer there: the host hangs. With these VMs there is no first and no last.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int hold(int kvm, int with_irqchip)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || (with_irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0))
		return -1;
	return ioctl(vm, KVM_CREATE_VCPU, 0);
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);

	if (kvm < 0 || hold(kvm, 0) < 0 || hold(kvm, 1) < 0) {
		perror("kvm-hold");
		return 1;
	}
	/* The host's init goes on when they are there. */
	if (fork())
		return 0;
	for (;;)
		pause();
}
