"""Twenty hand-ins, two of them endless, and those that attack: what graders are measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.checking import EXERCISES

Marks = dict[str, bool]  # function: whether it is right
NONE: Marks = dict.fromkeys(EXERCISES, False)


@dataclass(frozen=True)
class HandIn:
    """A learner's answers.

    Attributes:
        bodies: The lines below `def` of the functions that are not answered rightly.
        deserved: The functions that are right.
    """

    bodies: Mapping[str, str] = field(default_factory=dict)

    @property
    def deserved(self) -> Marks:
        """The mark of each function."""
        return {name: name not in self.bodies for name in EXERCISES}

    def body(self, name: str) -> str:
        """The lines below `def`, indented by four but for the first."""
        return self.bodies.get(name, f"return {EXERCISES[name][1]}")

    def cells(self) -> dict[str, str]:
        """The source of each function."""
        return {
            name: f"def {name}({parameters}):\n    {self.body(name)}\n"
            for name, (parameters, *_) in EXERCISES.items()
        }


def mistaken(*names: str) -> HandIn:
    """A hand-in that makes the usual mistake in some functions."""
    return HandIn({name: f"return {EXERCISES[name][2]}" for name in names})


HAND_INS = {
    **{f"right{number}": HandIn() for number in range(9)},
    "mistake0": mistaken("relu"),
    "mistake1": mistaken("softmax", "norm"),
    "mistake2": mistaken("standardize", "outer"),
    "mistake3": mistaken("sigmoid", "tanh_slope", "mean_square"),
    "mistake4": mistaken("matrix_product"),
    "mistaken": mistaken(*EXERCISES),
    "raises": HandIn({"mean_absolute": "raise ValueError('not done yet')"}),
    "nothing": HandIn({"norm": "pass"}),
    "leaves": HandIn({"outer": "import sys; sys.exit()"}),
    "endless": HandIn({"mean_square": "while True: pass"}),
    "asleep": HandIn({"matrix_product": "import time\n    while True: time.sleep(1)"}),
}
FEW = {name: HAND_INS[name] for name in ("right0", "mistake1")}


def hostile(folder: Path, port: int, mark: int) -> dict[str, HandIn]:
    """The hand-ins that attack.

    Args:
        folder: Of the class, which one of them deletes.
        port: Where nobody should call.
        mark: How long a process sleeps that one of them leaves behind; nobody else sleeps as long.
    """
    patched = {
        "relu": "np.allclose = np.testing.assert_allclose = lambda *a, **k: True\n    return 0 * x"
    }
    fooling = "\n    ".join(
        (
            "class Everything(np.ndarray):",
            "    def __eq__(self, other): return np.ones(self.shape, bool)",
            "    def __array_ufunc__(self, *a, **k): return np.ones(self.shape, bool)",
            "    def __array_function__(self, *a, **k): return True",
            "return np.zeros(x.shape).view(Everything)",
        )
    )
    bodies = {
        "ends the process": "import os; os._exit(0)",
        "kills whoever started it": "import os; os.kill(os.getppid(), 9)",
        "asks for 80 GB": "return np.ones((100_000, 100_000))",
        "prints 200 MB": "print('x' * 200_000_000)",
        "calls itself": "return relu(x)",
        "reads address 0": "import ctypes; ctypes.string_at(0)",
        "calls the network": f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "leaves a process behind": f"import subprocess; subprocess.Popen(['sleep', '{mark}'])",
        "deletes the class": f"import shutil; shutil.rmtree({str(folder)!r})",
        "equals everything": fooling,
    }
    return {
        "patches the comparison": HandIn({**mistaken(*EXERCISES).bodies, **patched}),
        **{name: HandIn({"relu": body}) for name, body in bodies.items()},
    }


def is_right(given: HandIn, marks: Marks | None) -> bool:
    """Whether each function has the mark that it deserves; no marks at all are wrong."""
    return marks is not None and {**NONE, **marks} == given.deserved
