"""Data, training and the machine: `companion data`, `companion train`, `companion doctor`."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from companion.cli import Json, command
from companion.console import Answer, err, facts, table
from companion.errors import UserError


class Precision(StrEnum):
    """What `--precision` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed_float16"
    MIXED_BFLOAT16 = "mixed_bfloat16"


class Devices(StrEnum):
    """What `--devices` takes."""

    AUTO = "auto"
    CPU = "cpu"
    ALL = "all"


@command
def train(
    model: Annotated[str | None, typer.Argument(help="A name from `companion models`.")] = None,
    data: Annotated[str | None, typer.Option(help="A name from `companion data`.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and shifts.")] = 0,
    precision: Annotated[Precision, typer.Option(help="Number format.")] = Precision.AUTO,
    devices: Annotated[Devices, typer.Option(help="Where to compute.")] = Devices.AUTO,
    output: Annotated[Path | None, typer.Option(help="A new folder for the run.")] = None,
    svm: Annotated[
        bool,
        typer.Option("--svm", help="Judge a support vector machine on the features, too."),
    ] = False,
    resume: Annotated[Path | None, typer.Option(help="A run's folder to go on with.")] = None,
    json: Json = False,
) -> Answer:
    """Train a model, judge it once on the test split, and keep the run in a folder."""
    from companion import catalogue

    if (model is None) == (resume is None):
        raise UserError(
            "Name a model to train (`companion models` lists them), or a run to --resume."
        )
    if resume is not None:
        given = {"--data": data, "--epochs": epochs, "--batch-size": batch_size, "--output": output}
        given["--svm"] = svm or None
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise UserError(f"--resume goes on as the run began. Leave out {', '.join(extra)}.")
        from companion.training.run import read_record

        read_record(resume)  # before Keras is loaded, so that what is no run is told at once
        from companion import training

        with _telling_how_to_go_on(resume):
            run = training.resume(resume)
    else:
        assert model is not None
        entry = catalogue.find_model(model)[1]
        from companion.datasets import ensure

        name = data or entry.data
        ensure(name)  # before Keras is loaded, so that a missing data set is told at once
        folder = output or _free(Path("runs") / f"{model}-{name}-seed{seed}")
        from companion import training

        with _telling_how_to_go_on(folder):
            run = training.train(
                model,
                name,
                seed=seed,
                precision=precision.value,
                devices=devices.value,
                output=folder,
                svm=svm,
                epochs=epochs,
                batch_size=batch_size,
            )
    svm_score = run.metrics.get("svm_accuracy")
    beside = {} if svm_score is None else {"with_an_svm": f"{svm_score:.4f}, on the same features"}
    shown = facts(
        test_accuracy=f"{run.metrics['accuracy']:.4f}",
        **beside,
        test_loss=f"{run.metrics['loss']:.4f} nats",
        best_epoch=f"{run.metrics['best_epoch']:.0f} of {len(run.history)}",
        training=f"{run.seconds:.1f} s, {run.examples_per_second:,.0f} examples/s",
        precision=f"{run.hardware['precision']}: {run.hardware['reason']}",
        folder=str(run.folder),
    )
    diverged = run.status == "diverged"
    if run.message:
        err.print(run.message, style="red" if diverged else "")
    return Answer(run.to_json(), shown, code=1 if diverged else 0)


@contextlib.contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if (folder / "run.json").exists():
            err.print(f"\nStopped. Go on with: companion train --resume {folder}")
        raise


def _free(folder: Path) -> Path:
    """Return `folder`, or the first of `folder-2`, `folder-3` … that does not exist."""
    taken, number = folder, 1
    while taken.exists():
        number += 1
        taken = folder.with_name(f"{folder.name}-{number}")
    return taken


@command
def data(
    action: Annotated[str, typer.Argument(help="`list`, or `get` to download.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The data set to get.")] = None,
    json: Json = False,
) -> Answer:
    """List the data sets and where they are, or get one."""
    from companion.datasets import CARDS, ensure, sources, whereabouts

    if action == "get":
        if name is None:
            raise UserError("Name the data set to get: companion data get mnist.")
        folder = ensure(name)
        where = f"is in {folder}" if folder else "comes with scikit-learn: there is nothing to get"
        return Answer({"name": name, "folder": str(folder) if folder else None}, f"{name} {where}.")
    if action != "list":
        raise UserError(f"Expected `list` or `get`. Received: {action!r}.")
    shown = table("data", "what it is", "licence", "where")
    rows = []
    for card in CARDS.values():
        folder = whereabouts(card.name) if card.host else None
        where = str(folder) if folder else "embedded" if not card.host else "not here"
        rows.append(
            {
                "name": card.name,
                "title": card.title,
                "kind": card.kind,
                "shape": list(card.shape),
                "classes": list(card.class_names),
                "licence": card.licence,
                "source": card.source,
                "megabytes": card.megabytes,
                "folder": str(folder) if folder else None,
                "available": folder is not None or not card.host,
            }
        )
        shown.add_row(card.name, card.title, card.licence, where)
    looked = f"Looked in {sources.root()} (TFDS_DATA_DIR). `companion data get NAME` downloads one."
    return Answer({"root": str(sources.root()), "data": rows}, Group(shown, looked))


@command
def doctor(json: Json = False) -> Answer:
    """Say what this machine can do, and what to do about what it cannot."""
    import os
    import platform
    import shutil

    from companion.datasets import CARDS, sources, whereabouts
    from companion.training import hardware
    from companion.training.run import versions

    plan = hardware.plan()
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"
    here = [card.name for card in CARDS.values() if not card.host or whereabouts(card.name)]
    advice = []
    if plan.devices == ("CPU",):
        advice.append(
            "No GPU is seen. With an NVIDIA driver installed, `pip install tensorflow[and-cuda]` "
            "lets TensorFlow use it."
        )
    if len(here) < len(CARDS):
        advice.append("`companion data` lists the data sets that are not here yet.")
    found = {
        "python": platform.python_version(),
        "system": system,
        "versions": versions(),
        "plan": plan.to_json(),
        "data_root": str(sources.root()),
        "data": here,
        "free_gigabytes": round(shutil.disk_usage(".").free / 1e9, 1),
        "advice": advice,
    }
    shown = facts(
        python=platform.python_version(),
        system=system,
        packages=", ".join(f"{name} {version}" for name, version in versions().items()),
        training=f"{plan.precision} on {', '.join(plan.devices)}: {plan.reason}",
        data=", ".join(here),
        free_disk=f"{found['free_gigabytes']} GB",
    )
    return Answer(found, Group(shown, *advice))
