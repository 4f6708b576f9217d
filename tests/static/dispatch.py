#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dispatch.py PROGRAM...: the software CPU's hot handlers end in an indirect jump to the next
one, and use neither the stack nor a call to get there. Prints every handler that does not."""
import re
import subprocess
import sys

# Handlers every guest loop is made of. The cold ones may call.
HOT = re.compile(r"^(int_(add|sub|adds|subs|and|orr|eor|ands|bic|orn|eon|bics)(_imm|_lsl)?_[wx]"
                 r"|int_(mov|movk|csel|csinc|csinv|csneg|lsl_imm|lsr_imm|asr_imm|ubfm|sbfm|bfm|madd|lslv|lsrv)_[wx]"
                 r"|int_mov_imm|int_adr|int_adrp|int_nop|int_sxtw"
                 r"|branch_(b|bl|eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|tbz|tbnz)|branch_cbn?z_[wx]"
                 r"|mem_(ldr|str|ldp|stp)[a-z0-9_]*)$")
LEAST = 150


def functions(path):
    name, body = None, []
    text = subprocess.check_output(["objdump", "-d", "--no-show-raw-insn", "-w", path], text=True)
    for line in text.splitlines():
        m = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if m:
            if name:
                yield name, body
            name, body = m.group(1), []
        elif "\t" in line:
            body.append(line.split("\t", 1)[1].strip())
    if name:
        yield name, body


def faults(body):
    ops = [x.split()[0] for x in body if x]
    if any(o in ("call", "callq") for o in ops):
        yield "calls"
    if any(o.startswith(("push", "pop")) for o in ops):
        yield "uses the stack"
    if not any(re.match(r"(notrack )?jmpq? +\*", x) for x in body):
        yield "has no indirect jump"


def main():
    seen, bad = 0, 0
    for path in sys.argv[1:]:
        for name, body in functions(path):
            if not HOT.match(name):
                continue
            seen += 1
            why = ", ".join(faults(body))
            if why:
                print("%s: %s" % (name, why))
                bad += 1
    print("%d handlers" % seen)
    return 1 if bad or seen < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
