/* SPDX-License-Identifier: Apache-2.0 */
#include "util/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/fd.h"

#define LANDLOCK_FILE_READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE)
#define LANDLOCK_READ (LANDLOCK_FILE_READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_TRUNCATE (1ULL << 14) /* ABI 3, newer than our headers */

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? -errno : (int)abi;
}

/* All rights of `abi`: 13 in ABI 1; 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV. */
static uint64_t landlock_all(int abi)
{
	int nr = 13 + (abi >= 2) + (abi >= 3) + (abi >= 5);

	return (1ULL << nr) - 1;
}

static int landlock_add(int ruleset, uint64_t all, const struct landlock_grant *g, struct sm_err *e)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = g->fd };
	struct stat st;

	if (fstat(g->fd, &st) < 0)
		return err_errno(e, errno, "landlock");
	rule.allowed_access = g->write ? all : LANDLOCK_READ;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= LANDLOCK_FILE_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE;
	rule.allowed_access &= all;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(e, errno, "landlock");
	return 0;
}

int landlock_restrict(const struct landlock_grant *grants, size_t nr, struct sm_err *e)
{
	struct landlock_ruleset_attr attr = { 0 };
	FD_CLEANUP int fd = -1;
	int abi = landlock_abi(), r = 0;

	if (abi == -ENOSYS || abi == -EOPNOTSUPP)
		return 0;
	if (abi < 0)
		return err_errno(e, -abi, "landlock");
	attr.handled_access_fs = landlock_all(abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (fd < 0)
		return err_errno(e, errno, "landlock");
	for (size_t i = 0; i < nr && !r; i++)
		r = landlock_add(fd, attr.handled_access_fs, &grants[i], e);
	if (!r && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = err_errno(e, errno, "landlock");
	return r;
}
