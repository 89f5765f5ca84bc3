"""The locks of a worker: filters, Landlock, limits."""

import ctypes
import functools
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hand_in_samples import filled

from companion.checking.judging import lockdown, users

linux = pytest.mark.skipif(sys.platform != "linux", reason="the locks are Linux's")


ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # uapi/linux/audit.h


@linux
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_system_calls_have_the_numbers_that_libseccomp_knows(machine):
    try:
        resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name_arch
    except OSError:
        pytest.skip("libseccomp is not installed")
    place = lockdown.MACHINES.index(machine)
    numbers = {name: each[place] for name, each in lockdown.DENIED.items()} | {
        "clone": lockdown.CLONE[place],
        "clone3": lockdown.CLONE3[place],
        "seccomp": lockdown.SECCOMP[place],
        "prctl": lockdown.PRCTL[place],
        "capset": lockdown.DROP_CAPABILITIES[place],
        **dict(zip(("kill", "tgkill"), lockdown.SIGNALS[place], strict=True)),
        **dict(zip(("prlimit64", "sched_setaffinity"), lockdown.LIMITS[place], strict=True)),
        "landlock_create_ruleset": lockdown.CREATE_RULESET,
        "landlock_add_rule": lockdown.ADD_RULE,
        "landlock_restrict_self": lockdown.RESTRICT_SELF,
    }
    assert lockdown.ARCHITECTURE[place] == ARCHITECTURES[machine]
    for name, number in numbers.items():
        known = resolve(ctypes.c_uint32(ARCHITECTURES[machine]), name.encode())
        if known != -1:  # an older library does not know every name
            assert number == max(known, -1), name


ALLOWED, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
CALLS = {  # numbers from Linux's own tables, as the names above
    "x86_64": {"write": 1, "clone": 56, "clone3": 435, "prctl": 157, "kill": 62, "tgkill": 234,
               "prlimit64": 302, "sched_setaffinity": 203},
    "aarch64": {"write": 64, "clone": 220, "clone3": 435, "prctl": 167, "kill": 129, "tgkill": 131,
                "prlimit64": 261, "sched_setaffinity": 122},
}  # fmt: skip


def decided(program, architecture, number, argument=0):
    """Run a filter as the kernel does and return its decision (Linux, seccomp_filter.rst)."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    place, value = 0, 0
    while True:
        code, jump, otherwise, operand = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: value & operand != 0}
            place += jump if holds[code] else otherwise


class FilteringKernel:
    """Stands for libc where a filter is given to the kernel, and keeps it."""

    def __init__(self, result=0):
        self.result, self.program = result, None

    def syscall(self, *given):
        *self.asked, header = given
        count, address = struct.unpack("@HP", header)
        self.program = ctypes.string_at(address, 8 * count)
        return self.result


@pytest.fixture(params=ARCHITECTURES)
def decision(request, monkeypatch):
    """Whether a call of a machine is let through: its decision, by name or number."""
    monkeypatch.setattr(lockdown.platform, "machine", lambda: request.param)
    kernel, place = FilteringKernel(), lockdown.MACHINES.index(request.param)
    assert lockdown._filter_calls(kernel)
    assert kernel.asked == [(317, 277)[place], 1, 1]  # seccomp, a filter, for all threads

    def decide(call, argument=0, architecture=ARCHITECTURES[request.param]):
        number = CALLS[request.param].get(call, call)
        return decided(kernel.program, architecture, number, argument)

    decide.denied = [each[place] for each in lockdown.DENIED.values() if each[place] >= 0]
    return decide


def test_the_filter_refuses_what_is_denied_and_calls_of_other_machines(decision):
    assert {decision(number) for number in decision.denied} == {EPERM}
    assert decision("write") == ALLOWED
    assert decision("write", architecture=0x40000003) == EPERM
    assert decision(0x40000000) == decision(0x40000001) == EPERM
    assert decision(0x3FFFFFFF) == ALLOWED


def test_the_filter_lets_threads_start_and_no_processes(decision):
    assert decision("clone3") == ENOSYS
    assert decision("clone", 0x3D0F00) == decision("clone", 0x10000) == ALLOWED
    for flags in (0x11, 0x1200011, 0x20000, 0x8000, 0xFFFEFFFF):
        assert decision("clone", flags) == EPERM


def test_the_filter_lets_a_process_signal_and_limit_itself_alone(decision):
    own = os.getpid()
    for call in ("kill", "tgkill"):
        assert decision(call, own) == ALLOWED
        for other in {0, 1, own - 1, own + 1, 0xFFFFFFFF} - {own}:
            assert decision(call, other) == EPERM
    for call in ("prlimit64", "sched_setaffinity"):
        assert decision(call, own) == decision(call, 0) == ALLOWED
        for other in {1, own - 1, own + 1, 0xFFFFFFFF} - {0, own}:
            assert decision(call, other) == EPERM


def test_the_filter_keeps_the_signal_of_the_parents_end(decision):
    assert decision("prctl", 1) == EPERM
    for option in (0, 2, 15, 38):
        assert decision("prctl", option) == ALLOWED


def test_a_machine_whose_calls_are_not_known_has_no_filter(monkeypatch):
    monkeypatch.setattr(lockdown.platform, "machine", lambda: "riscv64")
    kernel = FilteringKernel()
    assert not lockdown._filter_calls(kernel)
    assert kernel.program is None
    monkeypatch.setattr(lockdown.platform, "machine", lambda: "x86_64")
    assert not lockdown._filter_calls(FilteringKernel(-1))


@pytest.mark.parametrize(
    ("machine", "calls"), [("x86_64", [126]), ("aarch64", [91]), ("riscv64", [])]
)
def test_capabilities_are_dropped_where_the_call_is_known(monkeypatch, machine, calls):
    made = []
    monkeypatch.setattr(lockdown.platform, "machine", lambda: machine)
    lockdown._drop_capabilities(SimpleNamespace(syscall=lambda *given: made.append(given)))
    version = struct.pack("=II", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    assert made == [(call, version, bytes(24)) for call in calls]


class LandlockKernel:
    """Stands for libc on a kernel with some version of Landlock, and keeps the rules."""

    def __init__(self, version, makes=True, result=0):
        self.version, self.makes, self.result = version, makes, result
        self.calls, self.rules = [], {}

    def syscall(self, number, *given):
        if number == 445:  # landlock_add_rule
            ruleset, kind, rule, flags = given
            assert (ruleset, kind, flags) == (self.ruleset, 1, 0)
            rights, file = struct.unpack("=Qi", rule)
            self.rules[os.readlink(f"/proc/self/fd/{file}")] = rights
            return 0
        self.calls.append((number, *given))
        if number == 446:  # landlock_restrict_self
            return self.result
        if given[0] is None:
            return self.version
        self.ruleset = os.open(os.devnull, os.O_RDONLY) if self.makes else -1
        return self.ruleset


@linux
@pytest.mark.parametrize(
    ("version", "rights", "more"),
    [(1, 13, 0), (2, 14, 0), (3, 15, 0), (4, 15, 1), (5, 16, 1), (6, 16, 2), (7, 16, 2)],
)
def test_landlock_is_asked_for_all_that_its_version_can_close(tmp_path, version, rights, more):
    """Rights and versions as Linux has them (userspace-api/landlock.rst)."""
    filled(tmp_path, {"listed/a": "", "readable/a": "", "writable/a": ""})
    kernel, folder = LandlockKernel(version), str(tmp_path)
    every = (1 << rights) - 1
    listed, readable = [f"{folder}/listed"], [f"{folder}/readable", f"{folder}/readable/a"]
    writable = [f"{folder}/writable", f"{folder}/writable/a"]
    assert lockdown._close_files(kernel, listed, [f"{folder}/missing", *readable], writable)
    attributes = struct.pack(f"={1 + more}Q", every, *[3] * more)
    assert kernel.calls == [
        (444, None, 0, 1),
        (444, attributes, len(attributes), 0),
        (446, kernel.ruleset, 0),
    ]
    execute, write, read, read_folder, truncate, control = (1 << n for n in (0, 1, 2, 3, 14, 15))
    file = (execute | write | read | truncate | control) & every
    assert kernel.rules == {
        f"{folder}/listed": read_folder,
        f"{folder}/readable": execute | read | read_folder,
        f"{folder}/readable/a": execute | read,
        f"{folder}/writable": every,
        f"{folder}/writable/a": file,
    }
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kernel.ruleset)


@linux
@pytest.mark.parametrize(
    "kernel", [LandlockKernel(-1), LandlockKernel(0), LandlockKernel(1, makes=False),
               LandlockKernel(1, result=-1)],
    ids=["unknown", "off", "no ruleset", "not restricted"],
)  # fmt: skip
def test_landlock_that_does_not_hold_is_not_claimed(kernel):
    assert lockdown._close_files(kernel, [], [], []) is False


@linux
def test_the_threads_of_a_user_are_counted_where_a_limit_can_follow(monkeypatch):
    for release, is_counted in (
        ("4.20.1", False), ("5.13.19-generic", False), ("5.14.0", True), ("6.1", True),
        ("unknown", False),
    ):  # fmt: skip
        monkeypatch.setattr(lockdown.platform, "release", lambda release=release: release)
        assert (lockdown._threads_of(2**31 + 1) == 0) is is_counted
        assert (lockdown._threads_of(2**31 + 1) is None) is not is_counted
    monkeypatch.setattr(lockdown.platform, "release", lambda: "6.1")
    assert lockdown._threads_of(os.getuid()) >= len(os.listdir("/proc/self/task"))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert lockdown._threads_of(os.getuid()) is None


def test_a_system_that_knows_no_users_is_locked_as_far_as_it_goes(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(os, "getuid", raising=False)
    monkeypatch.setattr(lockdown, "_limit", lambda *_: False)
    nothing = {"listed": [], "readable": [], "writable": [], "user": None, "parent": None}
    assert lockdown.lock(**nothing, landlock=True, seccomp=True, threads=64) == []


def printed(program):
    """Return what a few lines print that have the locks and nothing else of ours, read as JSON."""
    folder = str(Path(lockdown.__file__).parent)
    head = f"import json, os, resource, sys\nsys.path.insert(0, {folder!r})\nimport lockdown\n"
    command = [sys.executable, "-S", "-c", head + program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOCK = """
reached = lockdown.lock(
    listed=[], readable=[], writable=[], user={user}, landlock=False, seccomp={seccomp},
    threads={threads}, parent=None,
)
names = ("CORE", "FSIZE", "NOFILE", "NPROC")
limits = [list(resource.getrlimit(getattr(resource, f"RLIMIT_{{name}}"))) for name in names]
print(json.dumps([reached, limits, os.getuid()]))
"""
BECOMES_ANOTHER = [False, True] if users.is_root() and users._has_unused_users() else [False]


@linux
@pytest.mark.parametrize("another", BECOMES_ANOTHER)
@pytest.mark.parametrize("threads", [10, 64, 65])
def test_where_calls_are_not_filtered_numpy_gets_no_process_and_keras_keeps_its_threads(
    another, threads
):
    user = users.unused_user() if another else None
    reached, limits, uid = printed(LOCK.format(user=user, seccomp=False, threads=threads))
    assert limits[:3] == [[0, 0], [64 << 20, 64 << 20], [256, 256]]
    assert (limits[3] == [0, 0]) is (threads <= 64)
    assert ("the process limit is 0" in reached) is (threads <= 64 and uid != 0)
    assert "processor time and files are limited" in reached
    assert ("runs as an unprivileged user" in reached) is (user is not None)


@linux
@pytest.mark.parametrize("another", BECOMES_ANOTHER)
def test_threads_are_limited_to_those_that_run_and_some_more(another):
    user = users.unused_user() if another else None
    reached, limits, _ = printed(LOCK.format(user=user, seccomp=True, threads=50))
    if "threads are limited" not in reached:
        pytest.skip("this kernel counts the threads of the whole machine")
    assert limits[3][0] == limits[3][1]
    assert limits[3][0] == 50 if user else limits[3][0] > 50


@linux
def test_a_limit_on_memory_is_what_is_used_and_the_budget():
    program = """
def used(): return int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
told = []
for for_good in (False, True):
    limit = lockdown.memory_limiter(1 << 30, for_good=for_good)
    if for_good:
        limit = lockdown.memory_limiter(1 << 30)
    told.append([limit(), *resource.getrlimit(resource.RLIMIT_AS)])
print(json.dumps([used(), told]))
"""
    used, ((one, soft, open_), (other, *both)) = printed(program)
    assert one is other is True
    assert abs(soft - (1 << 30) - used) < 2 << 20
    assert open_ != soft
    assert both == [both[0]] * 2
    assert abs(both[0] - (1 << 30) - used) < 2 << 20


@linux
def test_a_limit_on_the_processor_is_raised_up_to_the_hard_one_unless_it_is_for_good():
    program = """
resource.setrlimit(resource.RLIMIT_CPU, (100, 200))
told = []
for seconds, options in ((10, {"for_good": False}), (500, {"for_good": False}), (20, {})):
    lockdown.limit_processor(seconds, **options)
    told.append(resource.getrlimit(resource.RLIMIT_CPU))
print(json.dumps(told))
"""
    assert printed(program) == [[11, 200], [200, 200], [21, 21]]


@linux
def test_a_limit_that_is_not_to_be_had_is_not_claimed(monkeypatch):
    import resource

    def refuse(*_, error=OSError):
        raise error

    assert lockdown._limit("RLIMIT_UNHEARD_OF", 1) is False
    for error in (ValueError, OSError):
        with monkeypatch.context() as patch:
            patch.setattr(resource, "setrlimit", functools.partial(refuse, error=error))
            assert lockdown._limit("RLIMIT_CORE", 0) is False
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "resource", None)
        assert lockdown._limit("RLIMIT_CORE", 0) is False
    with monkeypatch.context() as patch:
        patch.setattr(lockdown.os, "open", refuse)
        limit = lockdown.memory_limiter(1 << 30)
    assert limit() is False
