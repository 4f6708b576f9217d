# SPDX-License-Identifier: Apache-2.0
"""The structs and functions of _ffi.py are those of include/supermachine.h."""
import ctypes
import os
import re
import subprocess
import tempfile
import unittest

from supermachine import _ffi

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
HEADER = os.path.join(TOP, "include", "supermachine.h")
with open(HEADER) as f:
    TEXT = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)


def structs():
    return {n: s for n, s in vars(_ffi).items() if isinstance(s, type) and issubclass(s, ctypes.Structure)}


def ask_compiler():
    """{struct: size, struct.member: (offset, size)} as C has it."""
    lines = []
    for name, s in structs().items():
        lines.append('printf("%s %%zu 0\\n", sizeof(struct sm_%s));' % (name, name))
        for member, _ in s._fields_:
            lines.append('printf("%s.%s %%zu %%zu\\n", offsetof(struct sm_%s, %s), sizeof(((struct sm_%s *)0)->%s));'
                         % (name, member, name, member, name, member))
    source = "#include <stdio.h>\n#include \"%s\"\nint main(void) { %s return 0; }\n" % (HEADER, "\n".join(lines))
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "layout")
        subprocess.run(["cc", "-x", "c", "-o", program, "-"], input=source.encode(), check=True)
        out = subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {f[0]: (int(f[1]), int(f[2])) for f in map(str.split, out.splitlines())}


class Layout(unittest.TestCase):
    def test_structs_are_those_of_the_header(self):
        want = ask_compiler()
        for name, s in structs().items():
            self.assertEqual(ctypes.sizeof(s), want[name][0], name)
            for member, _ in s._fields_:
                field = getattr(s, member)
                self.assertEqual((field.offset, field.size), want["%s.%s" % (name, member)], member)

    def test_every_member_is_named(self):
        for name, s in structs().items():
            body = re.search(r"struct sm_%s \{(.*?)\n\};" % name, TEXT, re.S).group(1)
            members = []
            for part in body.split(";"):
                members += re.findall(r"(?:\(\*)?(\w+)\)?(?:\(.*\)|\[\w+\])?\s*(?:,|$)", part.strip(), re.S)
            self.assertEqual([m for m, _ in s._fields_], members, name)

    def test_every_function_is_bound(self):
        public = re.findall(r"^SM_API [^;]*?\b(sm_\w+)\(", TEXT, re.M)
        self.assertEqual(sorted(_ffi.FUNCTIONS), sorted(public))


if __name__ == "__main__":
    unittest.main()
