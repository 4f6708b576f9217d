#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""arrows.py TOP: prints every #include that goes against docs/architecture.md."""
import os
import re
import sys

# Folder -> folders it may include from, besides itself and the public header. A header
# with a path of its own is let through one by one.
MAY = {
    "util": set(),
    "mem": {"util"},
    "snap": {"util", "mem"},
    "bus": {"util", "mem"},
    "hv": {"util", "mem", "arch/arm64/layout.h", "arch/x86_64/layout.h"},
    "arch": {"util", "mem", "hv/hv.h"},
    "devices": {"util", "mem", "bus"},
    "vm": {"util", "mem", "snap", "bus", "hv", "arch", "devices", "guest"},
    "oci": {"util"},
    "image": {"util", "oci"},
    "api": {"util", "oci", "guest", "vm/agent.h", "vm/worker-proto.h", "vm/jail.h", "hv/hv.h"},
    "cli": set(),
    "guest": set(),
}
# The worker's and the image tool's insides stay out of the library, and sockets to the
# network out of the worker.
LIBRARY = {"curl/curl.h": {"oci", "image"}, "archive.h": {"oci", "image"}, "archive_entry.h": {"oci", "image"},
           "zstd.h": {"oci", "image"}, "zlib.h": {"oci", "image"}, "linux/kvm.h": {"hv"}}
# A test may bring both ends of what it tests.
TESTS_MAY = {"guest": {"util", "vm/agent.h"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else parts[0]


def problem(here, path, kind, name):
    """What is wrong with `#include name` in `path`, or None."""
    if kind == "<":
        allowed = LIBRARY.get(name)
        return "only %s may" % ", ".join(sorted(allowed)) if allowed and here not in allowed else None
    if name == "supermachine.h" or "/" not in name:
        return None
    target = name.split("/")[0]
    if name.startswith("../") or target not in MAY:
        return "not a path from src/" if target not in ("tests",) else None
    may = MAY[here] | (TESTS_MAY.get(here, set()) if "_test." in path or "/fixture." in path else set())
    if target == here or target in may or name in may:
        return None
    return "%s may use %s" % (here, ", ".join(sorted(may)) or "nothing else")


def main():
    os.chdir(sys.argv[1])
    bad = 0
    for top in ("src", "guest"):
        for base, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.join(base, name)
                here = folder_of(path)
                if not name.endswith((".c", ".h")) or here not in MAY:
                    continue
                with open(path, encoding="utf-8") as f:
                    for number, line in enumerate(f, 1):
                        m = INCLUDE.match(line)
                        why = problem(here, path, m.group(1), m.group(2)) if m else None
                        if why:
                            print("%s:%d: includes %s; %s" % (path, number, m.group(2), why))
                            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
