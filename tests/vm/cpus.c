/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of t-kernels: a thread for each CPU, bound to it, says the CPU's number; then
 * "cpus: N" on the console, and the machine is switched off.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

static void *run_on(void *arg)
{
	int cpu = (int)(intptr_t)arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0 || sched_getcpu() != cpu)
		printf("cpu %d does not run\n", cpu);
	return NULL;
}

int main(void)
{
	cpu_set_t all;
	int nr;

	sched_getaffinity(0, sizeof(all), &all);
	nr = CPU_COUNT(&all);
	for (int i = 0; i < nr; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, run_on, (void *)(intptr_t)i);
		pthread_join(thread, NULL);
	}
	printf("cpus: %d\n", nr);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
