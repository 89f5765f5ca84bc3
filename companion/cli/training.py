"""Training: `companion train` and `companion examine`."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from companion import catalogue, files, training
from companion.cli import Json, command
from companion.console import Answer, err, facts
from companion.datasets.sources import find
from companion.errors import UserError
from companion.lesson import sections
from companion.training import hardware, machines
from companion.training.run import how_to_go_on, read_examination, read_record, versions


class Precision(StrEnum):
    """What `--precision` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed_float16"
    MIXED_BFLOAT16 = "mixed_bfloat16"


# How the processes of one training meet.
Coordinator = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Train on several machines, with KERAS_BACKEND=jax: where process 0 is met.",
    ),
]
Processes = Annotated[
    int | None, typer.Option(help="With --coordinator: how many processes there are.")
]
Process = Annotated[int | None, typer.Option(help="With --coordinator: this one's number, from 0.")]


@command
def train(
    model: Annotated[str | None, typer.Argument(help="A name from `companion models`.")] = None,
    data: Annotated[str | None, typer.Option(help="A name from `companion data`.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and shifts.")] = 0,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Number format; auto takes the fastest that the devices learn well in."),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|all|N",
            help="Where to compute: auto is every GPU or TPU, or else one CPU.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A new folder for the run.")] = None,
    svm: Annotated[
        bool,
        typer.Option("--svm", help="Judge a support vector machine on the features, too."),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(help="A run's folder to go on with, on these devices or others."),
    ] = None,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    json: Json = False,
) -> Answer:
    """Train a model, judge it once on the test split, and keep the run in a folder.

    It trains on TensorFlow, or on what KERAS_BACKEND says: jax or torch. On several machines
    (JAX), start the same command on each, with one --coordinator and a --process of its own.
    """
    hardware.backend_name()
    hardware.check("auto", devices or "auto")
    rendezvous = (coordinator, processes, process)
    if None in rendezvous and rendezvous != (None, None, None):
        raise UserError("Several machines need all of --coordinator, --processes and --process.")
    options_by_name: dict[str, Any] = {
        "data": data, "epochs": epochs, "batch_size": batch_size, "output": output,
        "svm": svm or None, "precision": precision and precision.value,
    }  # fmt: skip
    given = {name: value for name, value in options_by_name.items() if value is not None}
    if model is not None and resume is None:
        run = _train_new(model, seed=seed, devices=devices, rendezvous=rendezvous, **given)
        return _answer(run)
    if model is None and resume is not None:
        if given:
            options = ", ".join("--" + name.replace("_", "-") for name in given)
            raise UserError(f"--resume goes on as the run began. Leave out {options}.")
        return _answer(_resume_run(resume, devices, rendezvous))
    raise UserError("Name a model to train (`companion models` lists them), or a run to --resume.")


Rendezvous = tuple[str | None, int | None, int | None]  # coordinator, processes, process


def _train_new(
    model: str,
    *,
    seed: int,
    devices: str | None,
    rendezvous: Rendezvous,
    data: str = "",
    output: Path | None = None,
    **given: Any,
) -> Any:
    """Train a model from the start and return the run."""
    name = data or catalogue.find_model(model)[1].data
    find(name).ensure()  # before Keras is loaded, so that a missing data set is told at once
    folder = output or files.free(Path("runs") / f"{model}-{name}-seed{seed}")
    _join_processes(rendezvous, {"model": model, "data": name, "seed": seed, **given}, folder)
    with _resume_hint(folder):
        return training.train(
            model, name, seed=seed, devices=devices or "auto", output=folder, **given
        )


def _resume_run(folder: Path, devices: str | None, rendezvous: Rendezvous) -> Any:
    """Go on with a run and return it."""
    record = read_record(folder)  # before Keras is loaded, so that what is no run is told
    states = sorted(path.name for path in folder.glob("state-*.keras"))
    _join_processes(
        rendezvous, {"asked": record["asked"], "seed": record["seed"], "states": states}, folder
    )
    with _resume_hint(folder):
        return training.resume(folder, devices=devices)


def _answer(run: Any) -> Answer:
    """Say what came of a run."""
    svm_score = run.metrics.get("svm_accuracy")
    shown = facts(
        **run.task.facts(run.metrics),
        **({"with_an_svm": f"{svm_score:.4f}, on the same features"} if svm_score else {}),
        best_epoch=f"{run.metrics['best_epoch']:.0f} of {len(run.history)}",
        training=f"{run.seconds:.1f} s, {run.examples_per_second:,.0f} examples/s",
        precision=f"{run.hardware['precision']}: {run.hardware['reason']}",
        **(
            {"devices": hardware.devices_text(run.hardware)}
            if len(run.hardware["devices"]) > 1
            else {}
        ),
        folder=str(run.folder) if run.folder else "kept by process 0",
    )
    diverged = run.status == "diverged"
    if run.message:
        err.print(run.message, style="red" if diverged else "")
    return Answer(run.to_json(), shown, code=1 if diverged else 0)


def _join_processes(rendezvous: Rendezvous, call: dict[str, Any], folder: Path) -> None:
    """Join the other processes of a run, if there are to be any."""
    coordinator, processes, process = rendezvous
    if coordinator is None or processes is None or process is None:
        return

    installed = {name: versions().get(name) for name in ("lecture-companion", "keras", "jax")}
    machines.join(coordinator, processes, process, call=call | installed, folder=folder)


@contextlib.contextmanager
def _resume_hint(folder: Path) -> Iterator[None]:

    try:
        with machines.watched():
            yield
    except KeyboardInterrupt:
        if (folder / "run.json").exists():
            err.print(f"\nStopped. {how_to_go_on(folder)}", soft_wrap=True)
        raise


@command
def examine(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    json: Json = False,
) -> Answer:
    """Say what looks sick in a run, and what to try; exits with 1 when something does."""
    report = read_examination(run)
    shown = report.in_words(_section_title)
    return Answer({"run": str(run), **report.to_json()}, shown, code=int(not report.healthy))


def _section_title(section: str) -> str:
    """Return where a section of the book is: its chapter and its title."""
    for entry in catalogue.discover():
        for one in sections(entry.name):
            if one.anchor == section:
                return f"chapter {entry.card.number}, {entry.card.title}: {one.title}"
    return section
