/* SPDX-License-Identifier: Apache-2.0 */
/* cc hello.c -lsupermachine -o hello && ./hello [IMAGE]: one command in one VM. */
#include <stdio.h>
#include <supermachine.h>

static int fail(const struct sm_err *e)
{
	fprintf(stderr, "hello: %s\n", e->text);
	return 1;
}

int main(int argc, char **argv)
{
	const char *const command[] = { "echo", "Hello from a VM", NULL };
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct sm_exec_result result = { 0 };
	struct sm_image *image = NULL;
	struct sm_exec *exec = NULL;
	struct sm_ctx *ctx = NULL;
	struct sm_vm *vm = NULL;
	struct sm_err e = { 0 };
	int r;

	o.argv = command;
	o.stdout_fd = 1;
	o.stderr_fd = 2;
	r = sm_ctx_create(NULL, &ctx, &e);
	r = r ? r : sm_image_open(ctx, argc > 1 ? argv[1] : "busybox", NULL, &image, &e);
	r = r ? r : sm_vm_start(image, NULL, &vm, &e);
	r = r ? r : sm_exec_start(vm, &o, &exec, &e);
	r = r ? r : sm_exec_wait(exec, &result, &e);
	sm_exec_destroy(exec);
	sm_vm_destroy(vm);
	sm_image_close(image);
	sm_ctx_destroy(ctx);
	return r ? fail(&e) : result.status;
}
