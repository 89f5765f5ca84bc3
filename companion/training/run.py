"""A run: what was asked, what happened, and the folder that keeps both."""

import contextlib
import importlib.metadata
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import UserError

if TYPE_CHECKING:
    import keras
    import pandas as pd


@dataclass(slots=True)
class Run:
    """What came of one training.

    Attributes:
        model: The model, with the weights of its best epoch.
        history: One row an epoch: loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.
        metrics: ``accuracy`` and ``loss`` on the test split, and the ``best_epoch`` by validation;
            ``svm_accuracy`` where it was asked for.
        seconds: Time spent in training, validation included.
        examples_per_second: Training examples per second of that time.
        seed: The seed of weights, order and shifts.
        status: ``"finished"``, ``"stopped early"`` or ``"diverged"``.
        hardware: The plan it ran by.
        versions: Versions of the packages that shaped the result.
        asked: Model, data and recipe, as given.
        folder: Where the run is kept, or None.
    """

    model: "keras.Model"
    history: "pd.DataFrame"
    metrics: dict[str, float]
    seconds: float
    examples_per_second: float
    seed: int
    status: str
    hardware: dict[str, Any]
    versions: dict[str, str]
    asked: dict[str, Any]
    folder: Path | None = None
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything but the model and the history as plain values."""
        return {
            "status": self.status,
            "message": self.message,
            "asked": self.asked,
            "seed": self.seed,
            "metrics": self.metrics,
            "epochs": len(self.history),
            "seconds": round(self.seconds, 3),
            "examples_per_second": round(self.examples_per_second, 1),
            "hardware": self.hardware,
            "versions": self.versions,
            "folder": str(self.folder) if self.folder else None,
        }


def write(path: Path, fill: Callable[[Path], Any]) -> None:
    """Let `fill` write a file beside `path`, then put it in place whole.

    A reader, or a resumed run, finds the old file or the new one and never half of one.

    Raises:
        UserError: If the folder takes no file; what was written before is still there.
    """
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        fill(draft)
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise UserError(
            f"{path.name} could not be written to {path.parent}: {error.strerror or error}. "
            "What earlier epochs wrote there is whole. Make room or choose another folder with "
            f"--output; `--resume {path.parent}` continues."
        ) from error


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write `data` as JSON, whole or not at all."""
    write(path, lambda file: file.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n"))


def read_record(folder: Path) -> dict[str, Any]:
    """Return ``run.json`` of a run folder.

    Raises:
        UserError: If the folder holds no run, or a damaged one.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise UserError(
            f"{folder} holds no run: run.json was looked for. Give the folder that "
            "`companion train` printed."
        )
    try:
        record = json.loads(path.read_text())
        record["asked"]["recipe"], record["seed"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}). Nothing was changed.") from error
    return dict(record)


def versions() -> dict[str, str]:
    """Return the versions of the packages that shape a result, of those that are installed."""
    found = {}
    for package in ("lecture-companion", "keras", "tensorflow", "jax", "torch", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
