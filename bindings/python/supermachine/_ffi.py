# SPDX-License-Identifier: Apache-2.0
"""libsupermachine as ctypes sees it: the structs and functions of include/supermachine.h.

tests/test_layout.py holds this file and the header together.
"""
import ctypes as c
import os

c_bool, c_char, c_char_p, c_int, c_int64 = c.c_bool, c.c_char, c.c_char_p, c.c_int, c.c_int64
c_size_t, c_uint16, c_uint32, c_uint64, c_void_p = c.c_size_t, c.c_uint16, c.c_uint32, c.c_uint64, c.c_void_p
strings = c.POINTER(c_char_p)  # NULL-terminated


def _struct(name, *fields):
    return type(name, (c.Structure,), {"_fields_": fields})


err = _struct("err", ("code", c_int), ("text", c_char * 504))
log_fn = c.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)
progress = _struct("progress", ("stage", c_char_p), ("object", c_char_p), ("done", c_uint64), ("total", c_uint64))
progress_fn = c.CFUNCTYPE(None, c_void_p, c.POINTER(progress))
ctx_options = _struct("ctx_options", ("size", c_size_t), ("home", c_char_p), ("log", log_fn),
                      ("log_opaque", c_void_p), ("log_level", c_int))
pull_options = _struct("pull_options", ("size", c_size_t), ("policy", c_int), ("platform", c_char_p),
                       ("progress", progress_fn), ("progress_opaque", c_void_p), ("backend", c_char_p))
image_info = _struct("image_info", ("reference", c_char_p), ("platform", c_char_p), ("digest", c_char_p),
                     ("id", c_char_p), ("created", c_uint64), ("size", c_uint64))
vm_options = _struct("vm_options", ("size", c_size_t), ("memory", c_uint64), ("cpus", c_uint32),
                     ("backend", c_char_p), ("kernel", c_char_p), ("initrd", c_char_p), ("hostname", c_char_p),
                     ("console", c_char_p), ("tmpfs_root", c_bool), ("read_only", c_bool), ("tmpfs", strings),
                     ("ulimits", strings), ("hosts", strings), ("dns", strings), ("dns_search", strings),
                     ("boot", c_bool))
timings = _struct("timings", ("worker_us", c_uint64), ("machine_us", c_uint64), ("agent_us", c_uint64),
                  ("instructions", c_uint64), ("exits_mmio", c_uint64), ("exits_pio", c_uint64),
                  ("exits_other", c_uint64), ("restored", c_bool), ("snapshot_us", c_uint64))
exec_options = _struct("exec_options", ("size", c_size_t), ("argv", strings), ("env", strings),
                       ("entrypoint", c_char_p), ("cwd", c_char_p), ("user", c_char_p), ("tty", c_bool),
                       ("rows", c_uint16), ("cols", c_uint16), ("stdin_fd", c_int), ("stdout_fd", c_int),
                       ("stderr_fd", c_int), ("init", c_bool), ("timeout_ms", c_uint32))
exec_result = _struct("exec_result", ("status", c_int), ("duration_us", c_uint64), ("peak_rss", c_uint64),
                      ("reason", c_char * 120))
run_options = _struct("run_options", ("size", c_size_t), ("vm", c.POINTER(vm_options)),
                      ("command", c.POINTER(exec_options)), ("name", c_char_p), ("labels", strings),
                      ("stop_signal", c_char_p), ("stop_timeout_ms", c_uint32), ("remove", c_bool),
                      ("foreground", c_bool), ("ret_stdin_fd", c.POINTER(c_int)))
vm_info = _struct("vm_info", ("id", c_char_p), ("name", c_char_p), ("image", c_char_p), ("argv", strings),
                  ("labels", strings), ("status", c_int), ("exit_status", c_int), ("reason", c_char_p),
                  ("created", c_uint64), ("finished", c_uint64), ("memory", c_uint64), ("cpus", c_uint32),
                  ("backend", c_char_p), ("pid", c_int))
vm_stats = _struct("vm_stats", ("memory", c_uint64), ("memory_used", c_uint64), ("processes", c_uint64),
                   ("uptime", c_uint64), ("oom_kills", c_uint64), ("cpu_us", c_uint64), ("host_memory", c_uint64))
logs_options = _struct("logs_options", ("size", c_size_t), ("follow", c_bool), ("tailed", c_bool),
                       ("tail", c_uint64))
backend_info = _struct("backend_info", ("name", c_char_p), ("platform", c_char_p), ("usable", c_bool),
                       ("chosen", c_bool), ("reason", c_char_p), ("hint", c_char_p))
check_info = _struct("check_info", ("name", c_char_p), ("ok", c_bool), ("fatal", c_bool), ("detail", c_char_p),
                     ("hint", c_char_p))

history_info = _struct("history_info", ("created", c_char_p), ("created_by", c_char_p), ("comment", c_char_p),
                       ("size", c_uint64), ("empty", c_bool))
problem_info = _struct("problem_info", ("path", c_char_p), ("text", c_char_p), ("repaired", c_bool))

name_fn = c.CFUNCTYPE(c_int, c_void_p, c_char_p)
problem_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(problem_info))
history_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(history_info))
image_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(image_info))
vm_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(vm_info))
inspect_fn = c.CFUNCTYPE(None, c_void_p, c.POINTER(vm_info))
logs_fn = c.CFUNCTYPE(c_int, c_void_p, c_int, c_uint64, c_void_p, c_size_t)
backend_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(backend_info))
check_fn = c.CFUNCTYPE(c_int, c_void_p, c.POINTER(check_info))

_handle, _out, _err = c_void_p, c.POINTER(c_void_p), c.POINTER(err)

# name: (result, arguments)
FUNCTIONS = {
    "sm_ctx_create": (c_int, c.POINTER(ctx_options), _out, _err),
    "sm_ctx_destroy": (None, _handle),
    "sm_version": (c_char_p,),
    "sm_image_open": (c_int, _handle, c_char_p, c.POINTER(pull_options), _out, _err),
    "sm_image_close": (None, _handle),
    "sm_image_reference": (c_char_p, _handle),
    "sm_image_digest": (c_char_p, _handle),
    "sm_image_list": (c_int, _handle, image_fn, c_void_p, _err),
    "sm_image_remove": (c_int, _handle, c_char_p, _err),
    "sm_image_tag": (c_int, _handle, c_char_p, c_char_p, _err),
    "sm_image_prune": (c_int, _handle, c_bool, c_bool, c.POINTER(c_uint64), _err),
    "sm_image_inspect": (c_int, _handle, c_char_p, _out, _err),
    "sm_image_history": (c_int, _handle, history_fn, c_void_p, _err),
    "sm_image_load": (c_int, _handle, c_int, name_fn, c_void_p, _err),
    "sm_store_check": (c_int, _handle, c_bool, problem_fn, c_void_p, c.POINTER(c_uint64), _err),
    "sm_vm_start": (c_int, _handle, c.POINTER(vm_options), _out, _err),
    "sm_vm_destroy": (None, _handle),
    "sm_vm_id": (c_char_p, _handle),
    "sm_vm_pid": (c_int, _handle),
    "sm_vm_timings": (None, _handle, c.POINTER(timings)),
    "sm_exec_start": (c_int, _handle, c.POINTER(exec_options), _out, _err),
    "sm_exec_wait": (c_int, _handle, c.POINTER(exec_result), _err),
    "sm_exec_signal": (c_int, _handle, c_int, _err),
    "sm_exec_winsize": (c_int, _handle, c_uint16, c_uint16, _err),
    "sm_exec_destroy": (None, _handle),
    "sm_vm_run": (c_int, _handle, c.POINTER(run_options), _out, _err),
    "sm_vm_detach": (c_int, _handle, _err),
    "sm_vm_open": (c_int, _handle, c_char_p, _out, _err),
    "sm_vm_list": (c_int, _handle, vm_fn, c_void_p, _err),
    "sm_vm_inspect": (c_int, _handle, inspect_fn, c_void_p, _err),
    "sm_signal_parse": (c_int, c_char_p, c.POINTER(c_int), _err),
    "sm_vm_signal": (c_int, _handle, c_int, _err),
    "sm_vm_winsize": (c_int, _handle, c_uint16, c_uint16, _err),
    "sm_vm_stop": (c_int, _handle, c_int64, _err),
    "sm_vm_wait": (c_int, _handle, c.POINTER(exec_result), _err),
    "sm_vm_attach": (c_int, _handle, c_int, c_int, c.POINTER(c_int), _err),
    "sm_vm_rename": (c_int, _handle, c_char_p, _err),
    "sm_vm_remove": (c_int, _handle, c_bool, _err),
    "sm_vm_stats": (c_int, _handle, c.POINTER(vm_stats), _err),
    "sm_vm_logs": (c_int, _handle, c.POINTER(logs_options), logs_fn, c_void_p, _err),
    "sm_backend_list": (c_int, _handle, backend_fn, c_void_p, _err),
    "sm_check_list": (c_int, _handle, check_fn, c_void_p, _err),
}


def load(path=None):
    """The library: `path`, else $SUPERMACHINE_LIBRARY, else the installed one."""
    lib = c.CDLL(path or os.environ.get("SUPERMACHINE_LIBRARY") or "libsupermachine.so.0")
    for name, (result, *arguments) in FUNCTIONS.items():
        fn = getattr(lib, name)
        fn.restype, fn.argtypes = result, arguments
    return lib
