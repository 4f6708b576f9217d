# SPDX-License-Identifier: Apache-2.0
"""Commands in real VMs: $SUPERMACHINE_TEST_IMAGE has a shell and busybox."""
import errno
import os
import signal
import threading
import time
import unittest

import supermachine

IMAGE = os.environ.get("SUPERMACHINE_TEST_IMAGE")


class WithoutVM(unittest.TestCase):
    def setUp(self):
        self.ctx = supermachine.Context()

    def tearDown(self):
        self.ctx.close()

    def test_version(self):
        self.assertRegex(supermachine.version(), r"^\d+\.\d+\.\d+$")

    def test_errors_have_number_and_sentence(self):
        with self.assertRaises(supermachine.Error) as caught:
            self.ctx.image("oci:/nowhere:x")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        self.assertIn("/nowhere", str(caught.exception))

    def test_backends_name_a_default(self):
        self.assertEqual([b.chosen for b in self.ctx.backends()].count(True), 1)

    def test_checks_pass_here(self):
        self.assertEqual([c.name for c in self.ctx.checks() if c.fatal and not c.ok], [])

    def test_closed_handles_are_refused(self):
        self.ctx.close()
        self.assertRaises(ValueError, self.ctx.images)


@unittest.skipUnless(IMAGE, "SUPERMACHINE_TEST_IMAGE is not set")
class InVM(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ctx = supermachine.Context()
        cls.image = cls.ctx.image(IMAGE)
        cls.vm = cls.image.start(memory=256 << 20)
        cls.main = cls.vm.exec(["sleep", "1000"])

    @classmethod
    def tearDownClass(cls):
        for handle in (cls.main, cls.vm, cls.image, cls.ctx):
            handle.close()

    def test_output_and_status(self):
        r = self.vm.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
        self.assertEqual((r.status, r.stdout, r.stderr), (7, b"out\n", b"err\n"))
        self.assertGreater(r.duration, 0)
        self.assertGreater(r.peak_rss, 0)

    def test_input_is_byte_exact(self):
        data = bytes(range(256)) * 4096
        self.assertEqual(self.vm.run(["cat"], input=data).stdout, data)

    def test_unread_input_is_no_error(self):
        self.assertEqual(self.vm.run(["true"], input=b"x" * (4 << 20)).status, 0)

    def test_text(self):
        r = self.vm.run(["tr", "a-z", "A-Z"], input="gr\u00fc\u00dfe\n", text=True)
        self.assertEqual(r.stdout, "GR\u00fc\u00dfE\n")

    def test_environment_directory_and_user(self):
        r = self.vm.run(["sh", "-c", "echo $A $(pwd) $(id -u)"], env={"A": "b c"}, cwd="/tmp", user="12:34")
        self.assertEqual(r.stdout, b"b c /tmp 12\n")

    def test_check_raises_with_the_result(self):
        with self.assertRaises(supermachine.CommandFailed) as caught:
            self.vm.run(["false"], check=True)
        self.assertEqual(caught.exception.result.status, 1)

    def test_what_cannot_start_says_why(self):
        r = self.vm.run(["/no/such/program"])
        self.assertEqual(r.status, 127)
        self.assertIn("/no/such/program", r.reason)

    def test_signal_while_another_thread_waits(self):
        with self.vm.exec(["sleep", "1000"]) as x:
            results = []
            waiter = threading.Thread(target=lambda: results.append(x.wait()))
            waiter.start()
            time.sleep(0.2)
            x.signal(signal.SIGKILL)
            waiter.join(30)
            self.assertEqual(results[0].status, 128 + signal.SIGKILL)

    def test_many_threads_share_a_vm(self):
        got = [None] * 8

        def work(i):
            got[i] = self.vm.run(["echo", str(i)]).stdout

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(got, [b"%d\n" % i for i in range(8)])

    def test_parents_outlive_children(self):
        self.assertRaises(ValueError, self.image.close)

    def test_descriptors_are_given_back(self):
        self.vm.run(["true"], input=b"x")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            self.vm.run(["true"], input=b"x")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


if __name__ == "__main__":
    unittest.main()
