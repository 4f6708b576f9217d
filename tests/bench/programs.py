# SPDX-License-Identifier: Apache-2.0
"""The programs that run measures inside a guest, and the initramfs that holds them.

Debian's arm64 packages, put together by tests/lib/mkimage and cached, and kernels.c. Its
init runs them in the order of the table, each between two lines on the console; what a
program prints goes there too.
"""
import collections
import hashlib
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PACKAGES = "dash,coreutils,python3,gcc,libc6-dev,openssl"

# What it is called, in which unit the rate is, how much of that the command does (or None:
# it says itself, as openssl speed does, in thousands of bytes a second), and the command.
Program = collections.namedtuple("Program", "name metric unit work command")


def speed(algorithm):
    return "openssl speed -elapsed -seconds 2 -bytes 16384 -evp %s 2>/dev/null" % algorithm


PROGRAMS = [
    Program("chase", "pointer chasing, 4 MiB", "M/s", 16, "kernels chase"),
    Program("memcpy", "memcpy of 64 KiB", "MiB/s", 2048, "kernels memcpy"),
    Program("double", "double multiply-adds, scalar", "M/s", 16 * 160**3 / 1e6, "kernels double"),
    Program("simd", "16-bit filter, SIMD, samples", "M/s", 400 * 32768 / 1e6, "kernels simd"),
    Program("syscalls", "system calls", "M/s", 2, "kernels syscalls"),
    Program("faults", "page faults", "k/s", 400, "kernels faults"),
    Program("switches", "context switches", "k/s", 200, "kernels switches"),
    Program("python", "python3 interp.py", "1/s", 1, "python3 /bench/interp.py"),
    Program("gcc", "gcc -c of 1,000 lines", "1/s", 1, "gcc -c -o /tmp/o.o /bench/lines.c"),
    Program("sha256", "openssl speed sha256, 16 KiB", "MB/s", None, speed("sha256")),
    Program("gcm", "openssl speed aes-128-gcm, 16 KiB", "MB/s", None, speed("aes-128-gcm")),
]
# The same work in each thread, on four vCPUs.
SCALING = [Program("scale%d" % n, "hash loop, %d of 4 vCPUs" % n, "M/s", n * 60, "kernels scale %d" % n)
           for n in (1, 2, 4)]
SPEED_LINE = re.compile(rb"^(?:sha256|AES-128-GCM) +([0-9.]+)k", re.MULTILINE | re.IGNORECASE)


def rate(program, seconds, output):
    if program.work is not None:
        return program.work / seconds
    said = SPEED_LINE.search(output)
    if not said:
        raise SystemExit("%s: no result in:\n%s" % (program.name, output.decode("utf-8", "replace")))
    return float(said.group(1)) / 1000


def marks(program):
    return [b"bench.%s.%s" % (program.name.encode(), at) for at in (b"begin", b"end")]


def init_script(programs):
    lines = ["#!/bin/sh", "PATH=/bench:/usr/bin:/usr/sbin", "export PATH", "mount -t proc proc /proc",
             "mount -t tmpfs tmpfs /tmp", "cd /tmp"]
    for p in programs:
        begin, end = (m.decode() for m in marks(p))
        lines += ["echo %s" % begin, p.command, "echo %s" % end]
    return "\n".join(lines + ["exec sleep 1000000", ""]).encode()


def thousand_lines():
    """C for the compiler: functions with a loop, a switch and a call, five lines each."""
    out = ["__attribute__((noinline)) static int f0(int a, const int *p) { return a + p[a & 7]; }"]
    for i in range(1, 200):
        out += ["__attribute__((noinline)) static int f%d(int a, const int *p)" % i, "{ int s = %d; for (int i = 0; i < a; i++)" % i,
                "    switch (p[i & 7] & 3) { case 0: s += i; break; case 1: s ^= f%d(i, p); break;" % (i - 1),
                "    case 2: s = s * %d + a; break; default: s -= p[s & 7] / (i + 1); }" % (i * 3 + 1),
                "  return s; }"]
    return "\n".join(out + ["int all(int a, const int *p) { return f199(a, p); }", ""]).encode()


def cached_tree():
    """The packages as a tar, kept beside the other things that are made once."""
    with open(TOP + "/tests/lib/mkimage", "rb") as f:
        key = hashlib.sha256(f.read() + PACKAGES.encode()).hexdigest()[:12]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = "%s/supermachine/bench/%s.tar" % (home, key)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.check_call([TOP + "/tests/lib/mkimage", "--include", PACKAGES, path + ".new.tar"])
        os.rename(path + ".new.tar", path)
    return path


def cpio_entry():
    loader = importlib.machinery.SourceFileLoader("mkinitrd", TOP + "/guest/agent/mkinitrd")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mkinitrd", loader))
    loader.exec_module(module)
    return module.entry


KINDS = {tarfile.REGTYPE: 0o100000, tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000}


def write_initrd(path, programs, work):
    """`work`: a directory for what is made on the way."""
    entry = cpio_entry()
    subprocess.check_call(["aarch64-linux-gnu-gcc", "-O2", "-static", "-pthread", "-o", work + "/kernels",
                           HERE + "/kernels.c"])
    files = {"init": init_script(programs), "bench/lines.c": thousand_lines()}
    for name, source in (("kernels", work + "/kernels"), ("interp.py", HERE + "/interp.py")):
        with open(source, "rb") as f:
            files["bench/" + name] = f.read()
    with open(path, "wb") as out, tarfile.open(cached_tree()) as tree:
        for ino, m in enumerate(tree, 1):
            name = m.name[2:]
            if name and m.islnk():
                m = tree.getmember(m.linkname)
            if name and m.type in KINDS:
                data = tree.extractfile(m).read() if m.isreg() else m.linkname.encode()
                out.write(entry(ino, name, KINDS[m.type] | m.mode, data))
        ino = len(tree.getmembers())
        out.write(entry(ino + 1, "dev/console", 0o020600, rdev=(5, 1)) + entry(ino + 2, "bench", 0o040755))
        for n, (name, data) in enumerate(files.items(), ino + 3):
            out.write(entry(n, name, 0o100755, data))
        out.write(entry(0, "TRAILER!!!", 0))
        out.write(bytes(-out.tell() % 512))
