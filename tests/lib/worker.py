#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""worker.py BUILD KERNEL INITRD CPUS WORD [SECONDS]: boots and prints the console until it
has the word, which must come in time. As a module: class Worker.

The worker alone, driven by its protocol (docs/worker-protocol.md), so that any kernel and
initramfs can run and no image takes part.
"""
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

CONSOLE = "console=ttyAMA0 reboot=t panic=-1"


def listen(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen(8)
    return s


class Worker:
    """`begun` is when it was started; `console` a descriptor to read from."""

    def __init__(self, build, kernel, initrd, cmdline, memory, cpus=1):
        self.dir = tempfile.mkdtemp()
        self.begun = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ready = listen(self.dir + "/vsock_1027")
        vsock = listen(self.dir + "/vsock")
        self.console, console = os.pipe()
        fds = [os.open(kernel, os.O_RDONLY), os.open(initrd, os.O_RDONLY), console, vsock.fileno(),
               os.open(self.dir, os.O_PATH | os.O_DIRECTORY)]
        # Its socket belongs on 3, and what inherits nothing closes the rest by itself.
        self.p = subprocess.Popen(["bash", "-c", 'exec 3<&"$1" "$0"', build + "/supermachine-worker",
                                   str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        start = dict(op="start", memory=memory, cpus=cpus, backend="soft", cmdline=cmdline, layers=0,
                     fds=["kernel", "initrd", "console", "vsock", "dir"])
        socket.send_fds(ours, [json.dumps(start).encode()], fds)
        for fd in fds[:3] + fds[4:]:
            os.close(fd)
        self.ctl, self.vsock = ours, vsock

    def messages(self, op, seconds=5):
        """The next message of that kind, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.ctl], [], [], 0.1)[0]:
                m = json.loads(self.ctl.recv(65536) or b'{"op":"gone"}')
                if m["op"] == op:
                    return m
                if m["op"] in ("error", "gone"):
                    raise SystemExit("worker: %s" % m)
        return None

    def close(self):
        self.ctl.close()
        self.p.wait()
        os.close(self.console)
        shutil.rmtree(self.dir)


def wait_console(side, words, seconds=120):
    """Seconds since the start at which each of `words` was on the console, and all of that."""
    seen, times = b"", []
    end = time.monotonic() + seconds
    while len(times) < len(words):
        if time.monotonic() > end:
            raise SystemExit("no %s on the console:\n%s" % (words[len(times)], seen.decode("utf-8", "replace")))
        if not select.select([side.console], [], [], 1)[0]:
            continue
        data = os.read(side.console, 65536)
        if not data:
            raise SystemExit("it ended before %s:\n%s" % (words[len(times)], seen.decode("utf-8", "replace")))
        seen += data
        while len(times) < len(words) and words[len(times)] in seen:
            times.append(time.monotonic() - side.begun)
    return times, seen


def main():
    if len(sys.argv) not in (6, 7):
        raise SystemExit(__doc__)
    build, kernel, initrd, cpus, word = sys.argv[1:6]
    side = Worker(os.path.abspath(build), kernel, initrd, CONSOLE, 512 << 20, int(cpus))
    try:
        _times, seen = wait_console(side, [word.encode()], float((sys.argv + ["60"])[6]))
    finally:
        side.close()
    print(seen.decode("utf-8", "replace"))


if __name__ == "__main__":
    main()
