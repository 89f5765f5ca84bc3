"""A run: what was asked, what happened, and the folder that keeps both."""

import contextlib
import importlib.metadata
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion import files
from companion.datasets import Dataset, Split
from companion.errors import UserError
from companion.training.diagnosis import Report, diagnose

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from companion.training.task import Task


@dataclass(slots=True)
class Run:
    """What came of one training.

    Attributes:
        model: The model, with the weights of its best epoch.
        history: One row an epoch: loss and metric, both of the validation split, too, learning
            rate, seconds.
        metrics: Those of the task and ``loss`` on the test split, and the ``best_epoch`` by
            validation; ``svm_accuracy`` where it was asked for.
        seconds: Time spent in training, validation included.
        examples_per_second: Training examples per second of that time.
        seed: The seed of weights, order and shifts.
        status: ``"finished"``, ``"stopped early"`` or ``"diverged"``.
        hardware: The plan it ran by.
        versions: Versions of the packages that shaped the result.
        asked: Model, data, task and recipe, as given.
        task: What it was trained for.
        data: What it was trained on, as loaded.
        folder: Where the run is kept, or None.
        message: What there is to say of the status.
        examination: What `examine` reads, where it was kept: see
            `companion.training.examination.Examination`.
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
    task: "Task"
    data: Dataset
    folder: Path | None = None
    message: str = ""
    examination: dict[str, Any] = field(default_factory=dict)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return what the model makes of examples like those that it was trained on.

        They are fitted to the model as the training's were: resized, cut into windows, words
        turned into numbers.

        Args:
            x: Examples of shape ``(n, …)``, as `companion.load` gives them, or of the shape that
                the model reads.

        Returns:
            The model's outputs, of shape ``(n, …)``; one for each window where examples are cut.
        """
        x, reads = np.asarray(x), self.model.input_shape[1:]
        if x.ndim != len(reads) + 1 or any(
            want not in (None, size) for want, size in zip(reads, x.shape[1:], strict=True)
        ):
            split = Split(x, np.zeros(len(x), self.data.train.y.dtype))
            alone = replace(self.data, train=split, validation=split, test=split)
            x = alone.fitted_to(reads).test.x
        return np.asarray(self.model.predict(x, batch_size=512, verbose=0))

    def examine(self) -> Report:
        """Return what looks sick in this run, and what to try; a healthy one is told so.

        Raises:
            UserError: If nothing was kept to be examined.
        """
        return examined(self.examination, self.folder)

    def error(self, split: Split) -> float:
        """Return the share of a small split that is misread; the mean absolute error of numbers."""
        from keras import ops  # a run's record is read without Keras

        outputs = ops.convert_to_numpy(self.model(split.x, training=False))
        scores = self.task.scores(outputs, split.y)
        return float(np.mean(~scores if scores.dtype == bool else scores))

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


def write(path: Path, content: files.Content) -> None:
    """Put a file in place whole: a resumed run finds the old one or the new one, never half.

    Raises:
        UserError: If the folder takes no file; what was written before is still there.
    """
    try:
        files.write(path, content)
    except OSError as error:
        raise UserError(
            f"{path.name} could not be written to {path.parent}: {error.strerror or error}. "
            f"Make room first. {how_to_go_on(path.parent)}"
        ) from error


def how_to_go_on(folder: Path) -> str:
    """Return what to do with the run of a folder, which may have kept too little to go on from."""
    if any(folder.glob("state-*.keras")):
        return (
            "What earlier epochs wrote there is whole: continue with "
            f"`companion train --resume {folder}`, or choose another folder with --output."
        )
    return (
        "Nothing that could be continued was kept there: begin again, in another folder (--output) "
        "or after removing this one."
    )


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write `data` as JSON, whole or not at all."""
    write(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


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
        record = json.loads(path.read_text(encoding="utf-8"))
        record["asked"]["recipe"], record["seed"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}). Nothing was changed.") from error
    return dict(record)


def examined(kept: dict[str, Any], folder: Path | None) -> Report:
    """Return what looks sick in what a run has kept.

    Raises:
        UserError: If it has kept nothing.
    """
    if not kept:
        raise UserError(
            f"{folder or 'This run'} kept nothing to be examined. Train again "
            "with examine=True, on one device."
        )
    return diagnose(kept)


def read_examination(folder: Path) -> Report:
    """Return what looks sick in the run of a folder.

    Raises:
        UserError: If the folder holds no run, or none that can be examined.
    """
    read_record(folder)
    path = folder / "examination.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return examined(kept, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({error}). Nothing was changed.") from error


def versions() -> dict[str, str]:
    """Return the versions of the packages that shape a result, of those that are installed."""
    installed = {}
    for package in ("lecture-companion", "keras", "tensorflow", "jax", "torch", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[package] = importlib.metadata.version(package)
    return installed
