/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 GiB of ext4 in as few blocks as it can be. sparse_super2, flex_bg over all groups and
 * no resize_inode leave metadata in one place at the start; a new sparse file is zeros
 * already, so that inode tables need neither writing nor a kernel thread in the guest to do
 * it. The journal is the smallest there is: a VM that is killed must find its disk sound.
 * metadata_csum costs a software CPU more than it tells us.
 */
#include "image/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"

#define TEMPLATE_SIZE ((off_t)16 << 30)
#define TEMPLATE_FEATURES                                                                                    \
	"^resize_inode,^metadata_csum,^64bit,uninit_bg,sparse_super2,flex_bg,extent,dir_index,huge_file,"    \
	"dir_nlink,extra_isize"
#define TEMPLATE_EXTENDED                                                                                    \
	"nodiscard,assume_storage_prezeroed=1,lazy_itable_init=1,lazy_journal_init=1,num_backup_sb=0,"       \
	"packed_meta_blocks=1,root_owner=0:0,hash_seed=0b6c1a52-93d4-4f6e-8d27-4be1a7c5d013"

static void template_exec(const char *program, const char *file)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LC_ALL=C";
	static char config[] = "MKE2FS_CONFIG=/dev/null", clock[] = "E2FSPROGS_FAKE_TIME=1";
	char *const env[] = { path, lang, config, clock, NULL };

	execle(program, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "16384", "-m",
	       "0", "-J", "size=4", "-G", "128", "-U", "5c0f6b1e-2d5a-4c3b-9a51-7e0d3f1b8a20", "-O",
	       TEMPLATE_FEATURES, "-E", TEMPLATE_EXTENDED, file, (char *)NULL, env);
}

/* Runs mke2fs in the directory `dir`, silent. */
static int template_mke2fs(int dir, const char *name, struct sm_err *e)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, errno, "mke2fs");
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
		    fchdir(dir) < 0)
			_exit(126);
		template_exec("/usr/sbin/mke2fs", name);
		template_exec("/sbin/mke2fs", name);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, errno, "mke2fs");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, ENOENT, "mke2fs: not found; install the package e2fsprogs");
	if (status)
		return err_set(e, EIO, "mke2fs: it failed with status %#x", (unsigned)status);
	return 0;
}

static int template_make_in(struct store *s, struct store_tmp *t, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	int rc = store_tmp_file(t, "template", &fd, e);

	if (rc)
		return rc;
	if (ftruncate(fd, TEMPLATE_SIZE) < 0)
		return err_errno(e, errno, "writable disk");
	rc = template_mke2fs(t->fd, "template", e);
	if (rc)
		return rc;
	if (fsync(fd) < 0)
		return err_errno(e, errno, "writable disk");
	rc = store_lock(s, e);
	if (rc)
		return rc;
	rc = store_publish(s, t, "template", STORE_TEMPLATE, e);
	store_unlock(s);
	return rc;
}

int template_make(struct store *s, struct sm_err *e)
{
	struct store_tmp t = STORE_TMP_INIT;
	int rc;

	if (!faccessat(store_fd(s), STORE_TEMPLATE, R_OK, 0))
		return 0;
	rc = store_tmp_open(s, &t, e);
	if (rc)
		return rc;
	rc = template_make_in(s, &t, e);
	store_tmp_close(s, &t);
	return rc;
}
