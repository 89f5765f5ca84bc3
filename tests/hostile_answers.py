"""Answers that attack, or break: their source, and the status that each must get.

Run as a program it grades all of them, each followed by an honest neighbour, and prints what came
out as JSON; the tests do so as another user.
"""

import json
import sys
import textwrap
from pathlib import Path

from companion.checking import exercise
from companion.checking.judging.isolation import Sandbox, best
from companion.checking.judging.judge import Judge

BOXES = {
    "bubblewrap": best,
    "landlock": Sandbox,
    "seccomp": lambda: Sandbox(landlock=False),
    "nothing": lambda: Sandbox(landlock=False, seccomp=False),
}


@exercise(rtol=1e-6)
def double(x):
    """Return twice `x`."""
    return 2 * x


@double.cases
def _(rng):
    yield rng.normal(size=(2, 3))
    yield rng.normal(size=4)


@double.mistake("You squared it.")
def _(x):
    return x * x


HONEST = b"def double(x):\n    return x + x\n"
# {private} is a folder that belongs to the grader, with a neighbour's file; {mark} names processes.
HOSTILE = {
    "endless loop": ("timeout", "while True: pass"),
    "endless loop that catches all": (
        "timeout",
        """
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
    ),
    "endless wait": ("timeout", "import time; time.sleep(1000)"),
    "allocation of 100 GB": ("memory", "import numpy; numpy.ones(100 * 2**30, 'uint8')"),
    "list that grows": ("memory", "x = [0]\nwhile True: x = x * 2"),
    "sys.exit at import": ("error", "import sys; sys.exit(0)"),
    "os._exit at import": ("error", "import os; os._exit(0)"),
    "BaseException": ("error", "raise BaseException"),
    "segmentation fault": ("error", "import ctypes; ctypes.string_at(0)"),
    "1 GB print": ("pass", "for _ in range(1000): print('x' * 10**6)\n" + HONEST.decode()),
    "NUL in the source": ("error", "x = 1\nx = '\0'"),
    "deep recursion": ("error", "def double(x):\n    return double(x)"),
    "wrong arity": ("error", "def double(x, y):\n    return x + y"),
    "nothing written": ("not_attempted", ""),
    "stub": ("not_attempted", "def double(x):\n    raise NotImplementedError"),
    "patched numpy": (
        "fail",
        """
        import numpy as np
        np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
        np.testing.assert_allclose = lambda *a, **k: None
        def double(x): return x
        """,
    ),
    "array that equals everything": (
        "fail",
        """
        import numpy as np
        class Yes(np.ndarray):
            def __eq__(self, other): return np.ones(self.shape, bool)
            def __array_function__(self, *a): return True
            def __array_ufunc__(self, *a, **k): return True
            def __sub__(self, other): return 0
        def double(x): return x.view(Yes)
        """,
    ),
    "NaN": ("fail", "def double(x):\n    return x * float('nan')"),
    "infinity": ("fail", "def double(x):\n    return x * float('inf')"),
    "changed inputs": ("fail", "def double(x):\n    x *= 2\n    return x"),
    "wrong dtype": ("fail", "def double(x):\n    return (2 * x).astype(complex)"),
    "wrong shape": ("fail", "def double(x):\n    return (2 * x)[None]"),
    "forged reply": (
        "fail",
        """
        import json, os, struct
        def double(x):
            text = json.dumps({"value": ["plain", True], "changed": False, "status": "pass"})
            frame = struct.pack(">II", len(text), 0) + text.encode()
            for place in range(3, 20):
                try: os.write(place, frame)
                except OSError: pass
            return x
        """,
    ),
    "garbage on the pipe": (
        "error",
        """
        import os
        for place in range(3, 20):
            try: os.write(place, b"\\xff" * 64)
            except OSError: pass
        """,
    ),
    "closed pipe": ("error", "import os; os.closerange(3, 20)"),
    "pickle bomb": (
        "fail",
        """
        class Bomb:
            def __reduce__(self): return exec, ("open('{private}/bombed', 'w')",)
        def double(x): return Bomb()
        """,
    ),
    # What follows is of a size, or a kind, that the judge must not touch before it has looked.
    "array of 32 dimensions": (
        "fail",
        """
        import numpy as np
        def double(x): return np.full((1,) * 31 + (2**25,), np.nan, np.float16)
        """,
    ),
    "largest array of NaN": (
        "fail",
        """
        import numpy as np
        def double(x): return np.full((1,) * 7 + (2**25,), np.nan, np.float16)
        """,
    ),
    "four to the eleventh": (
        "fail",
        """
        import numpy as np
        def double(x): return np.ones((4,) * 11, np.float16)
        """,
    ),
    "seven to the eighth": (
        "fail",
        """
        import numpy as np
        def double(x): return np.ones((7,) * 8, np.int8)
        """,
    ),
    "array larger than the pipe": (
        "fail",
        """
        import numpy as np
        def double(x): return np.ones(2**24)
        """,
    ),
    "long text among numbers": ("fail", "def double(x): return ['x' * 3_500_000] + [1] * 3000"),
    "long text deep among numbers": (
        "fail",
        "def double(x): return [[1, 'x' * 3_000_000]] * 2 + [[1, 2]] * 30_000",
    ),
    "long keys": ("fail", "def double(x): return {'k' * 1_000_000: 1, 'l' * 1_000_000: 2}"),
    "many lists": ("fail", "def double(x): return [[[[]]]] * 20_000"),
    "number of 4,300 digits": ("fail", "def double(x): return 10**4299"),
    "number of 400 digits": ("fail", "def double(x): return [10**399, 1]"),
    "line of 200 kB of imports": ("not_attempted", "# " + "import " * 30_000),
    "file named main": ("pass", HONEST.decode()),
    "folders nested deeper than any recursion": (
        "pass",
        "import os\nfor _ in range(1100): os.mkdir('d'); os.chdir('d')\n" + HONEST.decode(),
    ),
    "folders that are closed": (
        "pass",
        "import os\nos.makedirs('a/b/c')\nopen('a/b/c/d', 'w')\nos.symlink('/', 'a/root')\n"
        "os.mkdir('closed', 0)\n" + HONEST.decode(),
    ),
    "changed inputs, hidden by the worker's own encoder": (
        "fail",
        """
        import sys
        codec = sys.modules["codec"]
        encode, sent = codec.encode, []
        def hiding(value, blobs, depth=0):
            if isinstance(value, list) and len(value) == 2 and value[1] == {}:
                return sys._getframe(1).f_locals.get("sent") or encode(value, blobs, depth)
            return encode(value, blobs, depth)
        codec.encode = hiding
        def double(x):
            x *= 2
            return x
        """,
    ),
    "changed inputs, hidden in a copy": (
        "fail",
        """
        import sys
        def double(x):
            frame = sys._getframe(1)
            for name, value in list(frame.f_locals.items()):
                if name in ("before", "blobs", "payload") and value:
                    frame.f_locals[name] = value
            x[...] = 2 * x
            return x.copy()
        """,
    ),
    "endless repr": (
        "timeout",
        """
        class Error(Exception):
            def __str__(self):
                while True: pass
        raise Error
        """,
    ),
    "frames up to the reference": (
        "error",
        """
        import gc, sys
        def double(x):
            frame = sys._getframe()
            while frame:
                for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                    if type(value).__name__ in ("Exercise", "AnswerKey"): return value(x)
                frame = frame.f_back
            for value in gc.get_objects():
                if type(value).__name__ in ("Exercise", "AnswerKey"): return value(x)
            raise LookupError("no reference here")
        """,
    ),
}
# These hold where new processes and sockets are refused.
HOSTILE_TO_PROCESSES = {
    "fork bomb": ("error", "import os\nwhile True: os.fork()"),
    "daemon child": (
        "error",
        """
        import ctypes, os, time
        if os.fork() == 0:
            os.setsid()
            ctypes.CDLL(None).prctl(15, b"{mark}")
            if os.fork() == 0: time.sleep(60)
        """,
    ),
    "thread that outlives": (
        "pass",
        """
        import ctypes, threading, time
        def wait():
            ctypes.CDLL(None).prctl(15, b"{mark}")
            time.sleep(60)
        threading.Thread(target=wait).start()
        def double(x): return 2 * x
        """,
    ),
    "command": ("error", "import subprocess; subprocess.run(['true'])"),
    "socket": ("error", "import socket; socket.socket()"),
    "kill the parent": ("error", "import os; os.kill(os.getppid(), 9)"),
    "limit the parent": (
        "error",
        """
        import os, resource
        here = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert resource.prlimit(0, resource.RLIMIT_NOFILE) == here
        assert resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE) == here
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
        """,
    ),
    "hundreds of threads": (
        "error",
        """
        import threading, time
        threading.stack_size(65536)
        for _ in range(300): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        raise OSError("300 were started")  # root, where it stays root, is not limited
        """,
    ),
    "outlive the parent": (
        "error",
        "import ctypes\nif ctypes.CDLL(None).prctl(1, 0, 0, 0, 0): raise OSError('refused')",
    ),
    "slow the parent": ("error", "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)"),
    "tie the parent": ("error", "import os; os.sched_setaffinity(os.getppid(), {0})"),
    "memory without a name": ("error", "import os; os.memfd_create('mine')"),
    "kill everything": ("error", "import os; os.kill(-1, 9)"),
}
# These hold where the file system is closed.
HOSTILE_TO_FILES = {
    "giant file": (
        "error",
        """
        with open("giant", "wb") as file:
            for _ in range(300): file.write(bytes(2**20))
        """,
    ),
    "delete the home directory": ("error", "import shutil; shutil.rmtree('{private}')"),
    "read another submission": ("error", "print(open('{private}/neighbour.py').read())"),
    "write beside": ("error", "open('{private}/mine', 'w')"),
    "change a file's mode": ("error", "import os; os.chmod('{private}/neighbour.py', 0)"),
    "import the reference": ("error", "import chapters.convolution.exercises"),
    "read the reference": ("error", "print(open('{reference}').read())"),
    "look at the judge": (
        "error",
        "import os; print(open(f'/proc/{{os.getppid()}}/environ').read())\nraise OSError",
    ),
}
SOURCES = {**HOSTILE, **HOSTILE_TO_PROCESSES, **HOSTILE_TO_FILES}


def source_of(name, private, mark):
    text = textwrap.dedent(SOURCES[name][1])
    if name in HOSTILE_TO_PROCESSES or name in HOSTILE_TO_FILES or name == "pickle bomb":
        text = (
            text.replace("{private}", str(private))
            .replace("{mark}", mark)
            .replace("{reference}", str(Path(__file__).resolve()))
            .replace("{{", "{")
            .replace("}}", "}")
        )
    return text.encode()


def grade(names, box, private, mark):
    """Return, for each name, the status and that of an honest neighbour graded after it."""
    results = {}
    with Judge(box) as judge:
        judge.check(HONEST, [double])
        for name in names:
            limit = 0.5 if SOURCES[name][0] == "timeout" else 30
            file = "__main__.py" if name == "file named main" else "answer.py"
            report = judge.check(
                source_of(name, private, mark), [double], path=file, time_limit=limit
            )
            neighbour = judge.check(HONEST, [double])
            verdict = report.verdicts[0]
            results[name] = [verdict.status, neighbour.verdicts[0].status, verdict.message]
        results["isolation"] = report.isolation
    return results


if __name__ == "__main__":
    box, private, mark = sys.argv[1:]
    print(json.dumps(grade(SOURCES, BOXES[box](), private, mark)))
