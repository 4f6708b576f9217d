#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tree.py DIR: one line for DIR and everything beneath it, with all that an image layer can say
about it. Run on the host over umoci's tree and inside the guest."""
import os
import stat
import sys
import zlib


def line(top, path):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    what = ["%06o" % st.st_mode, "%d:%d" % (st.st_uid, st.st_gid), "mtime=%d" % st.st_mtime]
    if kind == stat.S_IFREG:
        with open(path, "rb") as f:
            what += ["size=%d" % st.st_size, "crc=%08x" % zlib.crc32(f.read()), "nlink=%d" % st.st_nlink]
    elif kind == stat.S_IFLNK:
        what.append("-> " + os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        what.append("dev=%d:%d" % (os.major(st.st_rdev), os.minor(st.st_rdev)))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith("trusted.overlay."):
            what.append("%s=%s" % (name, os.getxattr(path, name, follow_symlinks=False).hex()))
    return "%r %s" % (os.fsencode(os.path.relpath(path, top)), " ".join(what))


def main():
    top = sys.argv[1]
    rows = [line(top, top)]
    for base, dirs, files in os.walk(top):
        rows += [line(top, os.path.join(base, n)) for n in dirs + files]
    print("\n".join(sorted(rows)))


main()
