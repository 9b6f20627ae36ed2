"""What a process may still do before it touches bytes that strangers sent: limits of the kernel, none of which it can lift.

Libraries were weighed: pyseccomp needs libseccomp on the machine, bubblewrap and nsjail are programs to install and want user
namespaces, which most containers forbid. A filter of system calls needs neither, and no privilege: it is written here, for Linux
on x86-64 and 64-bit ARM. The process may decode and answer; it may not open a socket, start or signal a process, or be
somebody else's debugger. It may read what its user may read: it has no way to tell anybody but its parent.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
from pathlib import Path

MEBIBYTE = 2**20
OPEN_FILES = 64
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER_MODE = 38, 22, 2  # of prctl(2)
LOAD, EQUAL, AT_LEAST, ANY_BIT, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06  # of BPF: a word, three comparisons, the answer
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000  # what the kernel does with a system call
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # in what the kernel shows the filter
OTHER_ABI = 0x40000000  # x86-64 has all of its calls a second time from there on
THREAD = 0x00010000  # in the flags of clone(2): no process of its own

SYSTEM_CALLS = {  # machine -> its number in <linux/audit.h>, those of clone and clone3, and of what is forbidden
    "x86_64": (0xC000003E, 56, 435, {
        "socket": 41, "connect": 42, "socketpair": 53, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101,
        "tkill": 200, "tgkill": 234, "unshare": 272, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321,
        "execveat": 322, "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_getfd": 438,
    }),
    "aarch64": (0xC00000B7, 220, 435, {
        "socket": 198, "connect": 203, "socketpair": 199, "execve": 221, "kill": 129, "ptrace": 117, "tkill": 130, "tgkill": 131,
        "unshare": 97, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "execveat": 281,
        "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_getfd": 438,
    }),
}  # fmt: skip


def confine(*, cpu_s: float, memory_mb: float) -> bool:
    """From now on this process has so much CPU time, so much memory beside what it has mapped, and may write no file.

    Beyond cpu_s (s, rounded up) it is killed; beyond memory_mb (MiB) an allocation fails. Returns whether it has no network and
    no process of its own either: a filter of system calls sees to that, where the kernel takes one for this machine.
    """
    now = _mapped_bytes()
    seconds = int(-(-cpu_s // 1))
    for which, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, now + int(memory_mb * MEBIBYTE)),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),  # not of root, whom the filter below holds
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (most, most))
    return _filter_calls()


def _mapped_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _filter_calls() -> bool:
    if platform.machine() not in SYSTEM_CALLS or platform.system() != "Linux":
        return False
    program = _program(*SYSTEM_CALLS[platform.machine()])
    kept = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(kept)))
    kernel = ctypes.CDLL(None)
    calls = ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER_MODE, ctypes.addressof(header), 0, 0))
    return not any(kernel.prctl(ctypes.c_int(call[0]), *(ctypes.c_ulong(one) for one in call[1:])) for call in calls)


def _program(machine: int, clone: int, clone3: int, forbidden: dict[str, int]) -> bytes:
    """The filter, eight bytes an instruction: jumps count the instructions that are left out."""
    code = [
        (LOAD, 0, 0, MACHINE_AT), (EQUAL, 1, 0, machine), (GIVE, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT), (AT_LEAST, 0, 1, OTHER_ABI), (GIVE, 0, 0, KILL),
        (EQUAL, 0, 1, clone3), (GIVE, 0, 0, ERROR | errno.ENOSYS),  # its flags lie in memory, unseen: glibc then takes clone
    ]  # fmt: skip
    for number in forbidden.values():
        code += [(EQUAL, 0, 1, number), (GIVE, 0, 0, ERROR | errno.EPERM)]
    code += [
        (EQUAL, 0, 3, clone), (LOAD, 0, 0, FIRST_ARGUMENT_AT), (ANY_BIT, 1, 0, THREAD), (GIVE, 0, 0, ERROR | errno.EPERM),
        (GIVE, 0, 0, ALLOW),
    ]  # fmt: skip
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)
