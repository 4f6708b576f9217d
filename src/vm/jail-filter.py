#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Collects the `syscalls ROLE...: NAME...` comments of the given sources into one C table per role.

The comment stands beside the code that needs the calls, so policy cannot drift from it. A name that an
architecture does not have is left out by the preprocessor.
"""
import re
import sys

ROLES = ["dialer", "loop", "disk", "vcpu"]
# Memory that is executable is never made.
NO_EXEC = {"mmap": 2, "mprotect": 2}


def collect(paths):
    calls = {role: set() for role in ROLES + ["worker"]}
    for path in paths:
        text = open(path, encoding="utf-8").read()
        for roles, names in re.findall(r"/\* syscalls([a-z ]*):([a-z0-9_ \n*]*)\*/", text):
            wanted = roles.split() or ROLES
            for role in wanted:
                if role not in calls:
                    sys.exit(f"{path}: syscalls comment names an unknown role: {role}")
                calls[role].update(names.replace("*", " ").split())
    for role in ROLES:
        if role != "dialer":
            calls["worker"] |= calls[role]
    return calls


def rules(name):
    if name in NO_EXEC:
        arg = NO_EXEC[name]
        return f"\tJAIL_ALLOW_NOT_SET(__NR_{name}, {arg}, PROT_EXEC),\n"
    return f"\tJAIL_ALLOW(__NR_{name}),\n"


def main():
    out, paths = sys.argv[1], sys.argv[2:]
    with open(out, "w", encoding="utf-8") as f:
        for role, names in collect(paths).items():
            f.write(f"static const struct sock_filter jail_calls_{role}[] = {{\n")
            for name in sorted(names):
                f.write(f"#ifdef __NR_{name}\n{rules(name)}#endif\n")
            f.write("};\n")


main()
