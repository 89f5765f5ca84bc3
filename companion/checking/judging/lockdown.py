"""Locks that a process puts on itself before it runs code it does not trust.

The worker runs this module as a file of its own, so it imports nothing but the standard library.
What the kernel does not have is left out and not reported: `lock` returns what was reached.
"""

import contextlib
import ctypes
import os
import platform
import re
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator

NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL = 38, 1
MEBIBYTE = 1 << 20
# What an answer in NumPy may start beside itself; Keras needs more.
THREADS = 64

# Landlock has the same system call numbers on every machine (Linux, uapi/linux/landlock.h).
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15

# The kernel counts threads by namespace since then, and before by the user of the whole machine.
COUNTS_THREADS = (5, 14)

# System calls that an answer has no use for, with their numbers on x86_64 and on aarch64, which has
# no call of that name where it says -1 (Linux, syscall_64.tbl and uapi/asm-generic/unistd.h).
DENIED = {
    # processes
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "unshare": (272, 97),
    "setns": (308, 268),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    # memory that no limit counts, or that outlives the process
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    # the network, and the ring that reaches it by another way
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # modes, owners, times and attributes of files, which Landlock leaves open
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "utimensat": (280, 88),
    "futimesat": (261, -1),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # doors into the kernel
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
MACHINES = ("x86_64", "aarch64")
ARCHITECTURE = (0xC000003E, 0xC00000B7)  # uapi/linux/audit.h
CLONE, CLONE3, SECCOMP = (56, 220), (435, 435), (317, 277)
PRCTL = (157, 167)
SIGNALS = ((62, 234), (129, 131))  # kill, tgkill
LIMITS = ((302, 203), (261, 122))  # prlimit64, sched_setaffinity
DROP_CAPABILITIES = (126, 91)  # capset


def lock(
    *,
    listed: Iterable[str],
    readable: Iterable[str],
    writable: Iterable[str],
    user: int | None,
    landlock: bool,
    seccomp: bool,
    threads: int,
    parent: int | None,
) -> list[str]:
    """Give up what this process can do, for good, and return what was reached, in words.

    Args:
        listed: Folders in which names can still be seen, but no file be read.
        readable: Files and folders that stay readable.
        writable: Files and folders that stay writable, too.
        user: The user and group to become, where this process may.
        landlock: Whether to ask the kernel to close all other files.
        seccomp: Whether to ask the kernel to refuse new processes and the network.
        threads: How many threads the process may start.
        parent: The process whose end is to be this one's, if it can be seen from here.
    """
    reached = []
    running = _threads_of(user)
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc:
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if landlock and _close_files(libc, listed, readable, writable):
            reached.append("Landlock closes all other files")
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        reached.append("runs as an unprivileged user")
    if libc:
        # Whoever becomes another user loses the parent's signal, so it is asked for afterwards.
        _die_with_parent(libc, parent)
        _drop_capabilities(libc)
    if libc and seccomp and _filter_calls(libc):
        reached.append("seccomp refuses new processes and the network")
        if running is not None and _limit("RLIMIT_NPROC", running + threads):
            reached.append("threads are limited")
    # Without seccomp, threads and processes are one to the kernel: NumPy can do without either.
    elif threads <= THREADS and _limit("RLIMIT_NPROC", 0) and os.getuid() != 0:  # root is exempt
        reached.append("the process limit is 0")
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 64 * MEBIBYTE)
    if _limit("RLIMIT_NOFILE", 256):
        reached.append("processor time and files are limited")
    return reached


def _die_with_parent(libc: ctypes.CDLL, parent: int | None) -> None:
    """Let this process end with its parent, and now if that has ended."""
    libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Empty version 3 of this process's capability sets (uapi/linux/capability.h)."""
    if platform.machine() in MACHINES:
        capset = DROP_CAPABILITIES[MACHINES.index(platform.machine())]
        libc.syscall(capset, struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0] * 6))


def _threads_of(user: int | None) -> int | None:
    """Return how many threads a user of this machine has, or None where no limit could follow.

    A user of None is the one that this process runs as.

    Within a namespace of its own it sees, and the kernel counts, what runs there.
    """
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if sys.platform != "linux" or not release or tuple(map(int, release.groups())) < COUNTS_THREADS:
        return None
    user = os.getuid() if user is None else user
    count = 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            if os.stat(f"/proc/{process}").st_uid == user:
                count += len(os.listdir(f"/proc/{process}/task"))
    return count


def memory_limiter(budget: int, *, for_good: bool = True) -> Callable[[], bool]:
    """Return a function that lets this process grow by `budget` bytes and no further.

    Ask for it before `lock`, which may close what it reads, and call it when everything is loaded:
    libraries reserve far more addresses than they use. It returns whether the limit holds.

    Args:
        budget: Bytes.
        for_good: Whether neither this process nor those it starts may raise the limit again.
    """
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return lambda: False

    def limit() -> bool:
        pages = int(os.read(file, 100).split()[0])
        os.close(file)
        return _limit("RLIMIT_AS", pages * os.sysconf("SC_PAGE_SIZE") + budget, for_good)

    return limit


def limit_processor(seconds: float, *, for_good: bool = True) -> None:
    """Let this process compute for `seconds` more, over all its threads.

    Args:
        seconds: How long.
        for_good: Whether the process may not ask for more time again.
    """
    _limit("RLIMIT_CPU", int(time.process_time() + seconds) + 1, for_good)


def _limit(name: str, value: int, for_good: bool = True) -> bool:
    try:
        import resource

        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value if for_good else hard))
    except (ImportError, AttributeError, ValueError, OSError):
        return False
    return True


def _close_files(
    libc: ctypes.CDLL, listed: Iterable[str], readable: Iterable[str], writable: Iterable[str]
) -> bool:
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = (1 << (13 if version == 1 else 14 if version == 2 else 15 if version < 5 else 16)) - 1
    # Files; from version 4 also TCP; from version 6 also signals and sockets of other domains.
    attributes = (rights, *((3,) if version >= 4 else ()), *((3,) if version >= 6 else ()))
    size = 8 * len(attributes)
    ruleset = libc.syscall(
        CREATE_RULESET, struct.pack(f"={len(attributes)}Q", *attributes), size, 0
    )
    if ruleset < 0:
        return False
    try:
        reading = EXECUTE | READ_FILE | READ_DIR
        for paths, allowed in ((listed, READ_DIR), (readable, reading), (writable, rights)):
            for path in paths:
                with contextlib.suppress(OSError), _opened(path) as file:
                    mask = allowed if os.path.isdir(path) else allowed & FILE_RIGHTS & rights
                    libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", mask, file), 0)
        return bool(libc.syscall(RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _filter_calls(libc: ctypes.CDLL) -> bool:
    if platform.machine() not in MACHINES:
        return False
    machine = MACHINES.index(platform.machine())
    load, equal, at_least, has_bits, returns = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, deny, unknown = 0x7FFF0000, 0x00050001, 0x00050026  # errno: EPERM, ENOSYS

    def instruction(code: int, value: int, jump: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, jump, otherwise, value)

    program = [
        instruction(load, 4),  # the architecture; calls of another one have other numbers
        instruction(equal, ARCHITECTURE[machine], 1, 0),
        instruction(returns, deny),
        instruction(load, 0),  # the call's number
        instruction(at_least, 0x40000000, 0, 1),
        instruction(returns, deny),
        # glibc falls back from clone3, whose flags a filter cannot see, to clone.
        instruction(equal, CLONE3[machine], 0, 1),
        instruction(returns, unknown),
    ]
    for numbers in DENIED.values():
        if numbers[machine] >= 0:
            program += [instruction(equal, numbers[machine], 0, 1), instruction(returns, deny)]
    # A process may signal and limit itself; to limits, not to signals, 0 is the process itself.
    own = os.getpid()
    allowed = dict.fromkeys(SIGNALS[machine], (own,)) | dict.fromkeys(LIMITS[machine], (own, 0))
    for number, processes in allowed.items():
        program += [instruction(equal, number, 0, 2 * len(processes) + 2), instruction(load, 16)]
        for process in processes:
            program += [instruction(equal, process, 0, 1), instruction(returns, allow)]
        program.append(instruction(returns, deny))
    program += [
        instruction(equal, PRCTL[machine], 0, 4),
        instruction(load, 16),
        instruction(equal, PARENT_DEATH_SIGNAL, 0, 1),  # the end of its parent stays the end of it
        instruction(returns, deny),
        instruction(returns, allow),
        instruction(equal, CLONE[machine], 0, 4),
        instruction(load, 16),
        instruction(has_bits, 0x10000, 0, 1),  # CLONE_THREAD
        instruction(returns, allow),
        instruction(returns, deny),
        instruction(returns, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    return bool(libc.syscall(SECCOMP[machine], 1, 1, header) == 0)
