# SPDX-License-Identifier: Apache-2.0
"""Run OCI images as hardware-isolated microVMs.

    import supermachine
    with supermachine.Context() as ctx, ctx.image("python") as image, image.start() as vm:
        print(vm.run(["python3", "-c", "print(6 * 7)"], text=True).stdout)

Everything is a thin layer over libsupermachine (include/supermachine.h), found by the
loader or by $SUPERMACHINE_LIBRARY. Handles are context managers; close() is safe to
call twice. A handle may be used from several threads: calls wait for each other, but
for Exec.signal() and Exec.resize(), which may come while another thread waits.
"""
import collections
import ctypes
import json
import os
import threading

from . import _ffi

__all__ = ["Context", "Image", "VM", "Exec", "Error", "CommandFailed", "Result", "version"]

DEVNULL = -1
PULL = {"missing": 0, "always": 1, "never": 2}
LOG_LEVELS = ("error", "warn", "info", "debug")

HistoryInfo = collections.namedtuple("HistoryInfo", "created created_by comment size empty")
ProblemInfo = collections.namedtuple("ProblemInfo", "path text repaired")
ImageInfo = collections.namedtuple("ImageInfo", "reference platform digest id created size")
BackendInfo = collections.namedtuple("BackendInfo", "name platform usable chosen reason hint")
CheckInfo = collections.namedtuple("CheckInfo", "name ok fatal detail hint")
Progress = collections.namedtuple("Progress", "stage object done total")
Timings = collections.namedtuple("Timings", [name for name, _ in _ffi.timings._fields_])

_lib = None


def _library():
    global _lib
    if _lib is None:
        _lib = _ffi.load()
    return _lib


class Error(OSError):
    """What libsupermachine refused: errno, and one sentence that names the object."""


class CommandFailed(Exception):
    """A command of VM.run(check=True) ended with another status than 0."""

    def __init__(self, argv, result):
        super().__init__("%s: exit status %d%s" % (
            argv, result.status, ": " + result.reason if result.reason else ""))
        self.result = result


class Result(collections.namedtuple("Result", "status stdout stderr duration peak_rss reason")):
    """How a command ended: status as a shell has it, duration in seconds of the guest's
    time, peak_rss in bytes, reason why it could not be started or ""."""


def version():
    return _library().sm_version().decode()


def _text(value):
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


def _bytes(value):
    return None if value is None else os.fsencode(value)


def _tuple(kind, struct):
    return kind(*(_text(getattr(struct, name)) for name in kind._fields))


def _strings(values):
    if values is None:
        return None
    encoded = [_bytes(v) for v in values]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def _call(name, *args):
    e = _ffi.err()
    r = getattr(_library(), name)(*args, ctypes.byref(e))
    if r < 0:
        raise Error(e.code or -r, _text(e.text) or os.strerror(-r))
    return r


def _collect(name, handle, callback, kind, before=(), after=()):
    """All that a list function calls back with. before, after: its other arguments."""
    found = []

    @callback
    def each(_, info):
        found.append(_tuple(kind, info.contents))
        return 0

    _call(name, handle, *before, each, None, *after)
    return found


class _Handle:
    """A pointer that one call at a time may use, and the parent that must outlive it."""

    _free = ""

    def __init__(self, pointer, parent=None):
        self._pointer, self._parent = pointer, parent
        self._lock = threading.Lock()
        self._children = 0
        if parent is not None:
            parent._adopt(1)

    def _adopt(self, n):
        with self._lock:
            self._alive()
            self._children += n

    def _alive(self):
        if not self._pointer:
            raise ValueError("%s is closed" % type(self).__name__)
        return self._pointer

    def _do(self, name, *args):
        with self._lock:
            return _call(name, self._alive(), *args)

    def _make(self, name, *args):
        """A call whose result is a new handle's pointer."""
        ret = ctypes.c_void_p()
        self._do(name, *args, ctypes.byref(ret))
        return ret

    def close(self):
        """Frees it. What was made of it must be closed before."""
        with self._lock:
            if not self._pointer:
                return
            if self._children:
                raise ValueError("%s: close what was made of it first" % type(self).__name__)
            getattr(_library(), self._free)(self._pointer)
            self._pointer = None
        if self._parent is not None:
            self._parent._adopt(-1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Context(_Handle):
    """A store of images and the helper programs.

    log: called with (level, module, text), from any thread; level is one of LOG_LEVELS.
    """

    _free = "sm_ctx_destroy"

    def __init__(self, home=None, log=None, log_level="info"):
        o = _ffi.ctx_options(size=ctypes.sizeof(_ffi.ctx_options), home=_bytes(home))
        if log:
            o.log = _ffi.log_fn(lambda _, level, module, text: log(LOG_LEVELS[level], _text(module), _text(text)))
            o.log_level = LOG_LEVELS.index(log_level)
        ret = ctypes.c_void_p()
        _call("sm_ctx_create", ctypes.byref(o), ctypes.byref(ret))
        super().__init__(ret)
        self._log = o.log  # called for as long as the context lives

    def image(self, reference, pull="missing", platform=None, backend=None, progress=None):
        """The image, pulled if need be. progress: called with a Progress."""
        o = _ffi.pull_options(size=ctypes.sizeof(_ffi.pull_options), policy=PULL[pull], platform=_bytes(platform),
                              backend=_bytes(backend))
        if progress:
            o.progress = _ffi.progress_fn(lambda _, p: progress(_tuple(Progress, p.contents)))
        return Image(self._make("sm_image_open", _bytes(reference), ctypes.byref(o)), self)

    def images(self):
        """Every reference in the store, newest first: a list of ImageInfo."""
        with self._lock:
            return _collect("sm_image_list", self._alive(), _ffi.image_fn, ImageInfo)

    def remove_image(self, reference):
        self._do("sm_image_remove", _bytes(reference))

    def tag_image(self, reference, name):
        """Another name for an image of the store."""
        self._do("sm_image_tag", _bytes(reference), _bytes(name))

    def prune_images(self, every=False, dry=False):
        """Frees what no name reaches, or every image; the bytes that were, or would be, freed."""
        freed = ctypes.c_uint64()
        self._do("sm_image_prune", every, dry, ctypes.byref(freed))
        return freed.value

    def load_images(self, file):
        """Takes all images of what `docker save` wrote; their names. file: open, or a descriptor."""
        names = []

        @_ffi.name_fn
        def each(_, name):
            names.append(_text(name))
            return 0

        self._do("sm_image_load", file if isinstance(file, int) else file.fileno(), each, None)
        return names

    def check_store(self, repair=False):
        """What is wrong in the store: a list of ProblemInfo."""
        with self._lock:
            return _collect("sm_store_check", self._alive(), _ffi.problem_fn, ProblemInfo, (repair,),
                            (ctypes.byref(ctypes.c_uint64()),))

    def backends(self):
        """What this machine can run, best first: a list of BackendInfo."""
        with self._lock:
            return _collect("sm_backend_list", self._alive(), _ffi.backend_fn, BackendInfo)

    def checks(self):
        """What this machine needs and has: a list of CheckInfo."""
        with self._lock:
            return _collect("sm_check_list", self._alive(), _ffi.check_fn, CheckInfo)


class Image(_Handle):
    _free = "sm_image_close"

    @property
    def reference(self):
        return _text(_library().sm_image_reference(self._alive()))

    @property
    def digest(self):
        return _text(_library().sm_image_digest(self._alive()))

    def inspect(self):
        """What is known of the image, with docker's names, as a dict."""
        text = self._make("sm_image_inspect", None)
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            ctypes.CDLL(None).free(text)

    def history(self):
        """The steps it was built in, newest first: a list of HistoryInfo."""
        with self._lock:
            return _collect("sm_image_history", self._alive(), _ffi.history_fn, HistoryInfo)

    def start(self, memory=0, cpus=0, backend=None, kernel=None, initrd=None, hostname=None, console=None,
              tmpfs_root=False):
        """A VM of this image whose agent is ready. memory: bytes; 0 and None: defaults."""
        o = _ffi.vm_options(size=ctypes.sizeof(_ffi.vm_options), memory=memory, cpus=cpus, tmpfs_root=tmpfs_root,
                            backend=_bytes(backend), kernel=_bytes(kernel), initrd=_bytes(initrd),
                            hostname=_bytes(hostname), console=_bytes(console))
        return VM(self._make("sm_vm_start", ctypes.byref(o)), self)


class VM(_Handle):
    _free = "sm_vm_destroy"

    @property
    def id(self):
        return _text(_library().sm_vm_id(self._alive()))

    @property
    def pid(self):
        """Of the worker process, for measurements."""
        return _library().sm_vm_pid(self._alive())

    @property
    def timings(self):
        t = _ffi.timings()
        _library().sm_vm_timings(self._alive(), ctypes.byref(t))
        return _tuple(Timings, t)

    def exec(self, argv=None, env=None, entrypoint=None, cwd=None, user=None, tty=False, rows=0, cols=0,
             stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL):
        """Starts a process; the first one of a VM is the container's PID 1.

        argv: None is the image's own command. env: a mapping laid over the image's.
        stdin, stdout, stderr: descriptors or files, used by Exec.wait() and never closed.
        """
        fds = [f if isinstance(f, int) else f.fileno() for f in (stdin, stdout, stderr)]
        o = _ffi.exec_options(size=ctypes.sizeof(_ffi.exec_options), argv=_strings(argv),
                              env=_strings("%s=%s" % kv for kv in env.items()) if env else None,
                              entrypoint=_bytes(entrypoint), cwd=_bytes(cwd), user=_bytes(user), tty=tty, rows=rows,
                              cols=cols, stdin_fd=fds[0], stdout_fd=fds[1], stderr_fd=fds[2])
        return Exec(self._make("sm_exec_start", ctypes.byref(o)), self)

    def run(self, argv=None, input=None, text=False, check=False, **options):
        """Runs a command to its end and returns a Result with its output.

        input: bytes (str with text=True) for its stdin. text: decode the output as UTF-8.
        check: raise CommandFailed unless the status is 0. options: those of exec().
        """
        with _Pipes(input.encode() if isinstance(input, str) else input) as pipes:
            with self.exec(argv, stdin=pipes.stdin, stdout=pipes.stdout, stderr=pipes.stderr, **options) as x:
                pipes.begin()
                r = x.wait()
            out, err = pipes.finish()
        if text:
            out, err = out.decode(), err.decode()
        r = r._replace(stdout=out, stderr=err)
        if check and r.status:
            raise CommandFailed(argv, r)
        return r


class Exec(_Handle):
    _free = "sm_exec_destroy"

    def wait(self):
        """Copies the streams until the process has ended: a Result without output."""
        r = _ffi.exec_result()
        self._do("sm_exec_wait", ctypes.byref(r))
        return Result(r.status, None, None, r.duration_us / 1e6, r.peak_rss, _text(r.reason))

    def signal(self, number):
        _call("sm_exec_signal", self._alive(), number)

    def resize(self, rows, cols):
        """The terminal's size."""
        _call("sm_exec_winsize", self._alive(), rows, cols)


class _Pipes:
    """The ends of a command's streams that are ours, and the threads that serve them."""

    def __init__(self, data):
        self._data, self._threads, self._read = data, [], [b"", b""]
        self.stdin = DEVNULL
        self._ours = []
        if data is not None:
            self.stdin, end = os.pipe()
            self._serve(self._feed, end)
        ends = [os.pipe(), os.pipe()]
        self.stdout, self.stderr = (end[1] for end in ends)
        for i, end in enumerate(ends):
            self._serve(self._collect, end[0], i)

    def _serve(self, work, end, *args):
        self._ours.append(end)
        self._threads.append(threading.Thread(target=work, args=(end, *args), daemon=True))

    def _feed(self, end):
        try:
            with open(end, "wb", buffering=0) as f:
                view = memoryview(self._data)
                while view:
                    view = view[f.write(view):]
        except BrokenPipeError:
            pass  # it does not want more

    def _collect(self, end, i):
        with open(end, "rb") as f:
            self._read[i] = f.read()

    def begin(self):
        """From here on the threads own our ends."""
        self._ours = []
        for t in self._threads:
            t.start()

    def finish(self):
        self._close_theirs()
        for t in self._threads:
            t.join()
        return self._read

    def _close_theirs(self):
        for fd in (self.stdin, self.stdout, self.stderr):
            if fd != DEVNULL:
                os.close(fd)
        self.stdin = self.stdout = self.stderr = DEVNULL

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._close_theirs()
        for fd in self._ours:
            os.close(fd)
        self._ours = []
