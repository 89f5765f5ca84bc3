"""Data, training and the machine: `companion data`, `companion train`, `companion doctor`."""

import contextlib
import itertools
import os
import platform
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from companion import catalogue, training
from companion.ahead import in_turn
from companion.cli import Json, command, surroundings
from companion.console import Answer, err, facts, out, table
from companion.data_files import data_folder
from companion.datasets import source
from companion.datasets.sources import find, known
from companion.errors import UnknownNameError, UserError, attempt
from companion.lesson import sections
from companion.training import hardware, machines, measuring, seeing
from companion.training.run import how_to_go_on, read_examination, read_record, versions

FEW = 10  # files whose answers are drawn without being asked
DRAWN_LATER = 16  # answers that may wait for their drawings while the model reads on


class Precision(StrEnum):
    """What `--precision` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed_float16"
    MIXED_BFLOAT16 = "mixed_bfloat16"


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
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Train on several machines, with KERAS_BACKEND=jax: where process 0 is met.",
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="With --coordinator: how many processes there are.")
    ] = None,
    process: Annotated[
        int | None, typer.Option(help="With --coordinator: this one's number, from 0.")
    ] = None,
    json: Json = False,
) -> Answer:
    """Train a model, judge it once on the test split, and keep the run in a folder.

    It trains on TensorFlow, or on what KERAS_BACKEND says: jax or torch. On several machines
    (JAX), start the same command on each, with one --coordinator and a --process of its own.
    """
    hardware.backend_name()
    hardware.check("auto", devices or "auto")
    meeting = (coordinator, processes, process)
    if None in meeting and meeting != (None, None, None):
        raise UserError("Several machines need all of --coordinator, --processes and --process.")
    asked: dict[str, Any] = {
        "data": data, "epochs": epochs, "batch_size": batch_size, "output": output,
        "svm": svm or None, "precision": precision and precision.value,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    if model is not None and resume is None:
        return _told(_begun(model, seed=seed, devices=devices or "auto", meeting=meeting, **given))
    if model is None and resume is not None:
        if given:
            options = ", ".join("--" + name.replace("_", "-") for name in given)
            raise UserError(f"--resume goes on as the run began. Leave out {options}.")
        return _told(_resumed(resume, devices, meeting))
    raise UserError("Name a model to train (`companion models` lists them), or a run to --resume.")


Meeting = tuple[str | None, int | None, int | None]  # coordinator, processes, process


def _begun(
    model: str,
    *,
    seed: int,
    devices: str,
    meeting: Meeting,
    data: str = "",
    output: Path | None = None,
    **given: Any,
) -> Any:
    """Train a model from the start and return the run."""
    name = data or catalogue.find_model(model)[1].data
    find(name).ensure()  # before Keras is loaded, so that a missing data set is told at once
    folder = output or _free(Path("runs") / f"{model}-{name}-seed{seed}")
    _meet(meeting, {"model": model, "data": name, "seed": seed, **given}, folder)
    with _telling_how_to_go_on(folder):
        return training.train(model, name, seed=seed, devices=devices, output=folder, **given)


def _resumed(folder: Path, devices: str | None, meeting: Meeting) -> Any:
    """Go on with a run and return it."""
    record = read_record(folder)  # before Keras is loaded, so that what is no run is told
    states = sorted(path.name for path in folder.glob("state-*.keras"))
    _meet(meeting, {"asked": record["asked"], "seed": record["seed"], "states": states}, folder)
    with _telling_how_to_go_on(folder):
        return training.resume(folder, devices=devices)


def _told(run: Any) -> Answer:
    """Say what came of a run."""
    svm_score = run.metrics.get("svm_accuracy")
    shown = facts(
        **run.task.facts(run.metrics),
        **({"with_an_svm": f"{svm_score:.4f}, on the same features"} if svm_score else {}),
        best_epoch=f"{run.metrics['best_epoch']:.0f} of {len(run.history)}",
        training=f"{run.seconds:.1f} s, {run.examples_per_second:,.0f} examples/s",
        precision=f"{run.hardware['precision']}: {run.hardware['reason']}",
        **({"devices": _devices(run.hardware)} if len(run.hardware["devices"]) > 1 else {}),
        folder=str(run.folder) if run.folder else "kept by process 0",
    )
    diverged = run.status == "diverged"
    if run.message:
        err.print(run.message, style="red" if diverged else "")
    return Answer(run.to_json(), shown, code=1 if diverged else 0)


def _devices(plan: dict[str, Any]) -> str:
    """Say on what a plan trains."""
    joined = f" of {plan['processes']} processes" if plan["processes"] > 1 else ""
    names = ", ".join(plan["devices"])
    return f"{plan['strategy']}: {names}{joined}" if len(plan["devices"]) > 1 else names


def _meet(meeting: Meeting, call: dict[str, Any], folder: Path) -> None:
    """Join the other processes of a run, if there are to be any."""
    coordinator, processes, process = meeting
    if coordinator is None or processes is None or process is None:
        return

    same = {name: versions().get(name) for name in ("lecture-companion", "keras", "jax")}
    machines.join(coordinator, processes, process, call=call | same, folder=folder)


@contextlib.contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:

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
    shown = report.told(_place)
    return Answer({"run": str(run), **report.to_json()}, shown, code=int(not report.healthy))


def _place(section: str) -> str:
    """Return where a section of the book is: its chapter and its title."""
    for entry in catalogue.discover():
        for one in sections(entry.name):
            if one.anchor == section:
                return f"chapter {entry.card.number}, {entry.card.title}: {one.title}"
    return section


@command
def predict(
    run: Annotated[str, typer.Argument(help="A run's folder, or the name of a shipped model.")],
    files: Annotated[list[Path], typer.Argument(help="Pictures, or recordings.")],
    rate: Annotated[
        float | None, typer.Option(help="Samples per second, where a recording does not say.")
    ] = None,
    lead: Annotated[
        str | None, typer.Option(help="Which lead, where a recording has several.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="mV, µV or V, where a recording does not say.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder for a drawing of each answer; predictions, for up to {FEW} files."
        ),
    ] = None,
    json: Json = False,
) -> Answer:
    """Say what a trained or shipped model makes of each file, and draw it.

    Exits with 1 when a file could not be read; the others are.
    """
    given = {"rate": rate, "lead": lead, "unit": unit}
    read, notice = _reader(run, {name: value for name, value in given.items() if value is not None})
    if not any(file.exists() or file.with_name(file.name + ".hea").exists() for file in files):
        raise UserError(f"There is no such file: {', '.join(map(str, files))}.")
    folder = output or (Path("predictions") if len(files) <= FEW else None)
    rows: list[dict[str, Any]] = []
    code = 0
    try:
        for row in _rows(files, read(files), folder):
            code = max(code, int("error" in row))
            if json:
                rows.append(row)
            else:
                out.print(_line(row), soft_wrap=True)
    except KeyboardInterrupt:  # what has been said is kept
        code = 130
    if folder is None:
        notice = f"{notice}\n--output DIR draws them; of more than {FEW} files nothing is drawn."
    return Answer({"run": run, "notice": notice, "predictions": rows}, notice.strip(), code)


def _rows(files: list[Path], found: Iterator[Any], folder: Path | None) -> Iterator[dict[str, Any]]:
    """Yield what is said of each file, in order; drawings are made while the model reads on."""
    said = zip(files, found, strict=True)
    if folder is None:
        yield from itertools.starmap(_said, said)
        return
    pen = _Pen(folder)
    with ThreadPoolExecutor(1) as pool:
        yield from in_turn(pool, lambda one: _drawn(pen, *one), said, ahead=DRAWN_LATER)


def _said(file: Path, found: Any) -> dict[str, Any]:
    """Return what was found of a file."""
    if isinstance(found, UserError):
        return {"file": str(file), "error": str(found)}
    return {"file": str(file), **found.data, "sentence": found.sentence}


def _drawn(pen: "_Pen", file: Path, found: Any) -> dict[str, Any]:
    """Return what was found of a file, and draw it; a drawing that fails costs no answer."""
    row = _said(file, found)
    if "error" in row:
        return row
    drawing = attempt(pen.draw, file, found)
    if isinstance(drawing, UserError):
        cause = drawing.__cause__
        return {**row, "not_drawn": str(cause if isinstance(cause, OSError) else drawing)}
    return {**row, "drawing": str(drawing)}


class _Pen:
    """Draws answers into a folder, one after the other on one figure."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.figure = folder, None

    def draw(self, file: Path, found: Any) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        drawing = _free(self.folder / f"{file.stem}.png")
        again, self.figure = self.figure, None  # one on which a drawing failed is not used again
        figure = found.figure(again)
        # What compresses best takes several times as long and saves a tenth of the file.
        figure.savefig(drawing, dpi=120, pil_kwargs={"compress_level": 1})
        self.figure = figure
        return drawing


def _line(row: dict[str, Any]) -> str:
    """Return a line for one file: its answer and its drawing."""
    if "error" in row:
        return f"{row['file']}: cannot be read: {row['error']}"
    drawn = f" -> {row['drawing']}" if "drawing" in row else ""
    return f"{row['file']}: {row['sentence']}{drawn}" + (
        f" (no drawing: {row['not_drawn']})" if "not_drawn" in row else ""
    )


def _reader(run: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return what reads files with a run's or a shipped model, and the notice on its answers.

    Raises:
        UserError: If there is no such model, or it reads no files.
    """
    folder, shipped = Path(run), data_folder() / "weights"
    records = {path.stem: path for path in shipped.glob("*.json")}
    if folder.is_dir() and ((folder / "run.json").exists() or run not in records):
        asked = read_record(folder)["asked"]
        card = asked["model"] in catalogue.models() and catalogue.find_model(asked["model"])
        chapter, path = card[0] if card else None, folder / "model.keras"
        if not (chapter and chapter.card.reader) or asked["data"] in _image_sets():
            if options:
                names = ", ".join(f"--{name}" for name in options)
                raise UserError(f"A picture has no such thing as {names}: leave it out.")
            return seeing.reader(folder), seeing.NOTICE
    else:
        if run not in records:
            raise UnknownNameError("run or shipped model", run, records)
        record = loads(records[run].read_text(encoding="utf-8"))
        chapter, path = catalogue.find_chapter(record["chapter"]), shipped / f"{run}.npz"
        if not chapter.card.reader:
            raise UserError(
                f"{run} is a base of the chapter {chapter.name} that names no classes. Train a "
                "model on it, and give the folder of that run."
            )
    module = chapter.module(chapter.card.reader)
    assert module is not None
    return module.reader(path, **options), module.NOTICE


def _image_sets() -> set[str]:
    """Return the names of the data sets of images."""
    return {name for name, one in known().items() if one.card.kind == "image"}


def _free(folder: Path) -> Path:
    """Return `folder`, or the first of `folder-2`, `folder-3` … that does not exist.

    The same goes for a file, whose ending stays.
    """
    taken, number = folder, 1
    while taken.exists():
        number += 1
        taken = folder.with_name(f"{folder.stem}-{number}{folder.suffix}")
    return taken


@command
def data(
    action: Annotated[str, typer.Argument(help="`list`, or `get` to download.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The data set to get.")] = None,
    json: Json = False,
) -> Answer:
    """List the data sets and where they are, or get one."""
    if action == "get":
        if name is None:
            raise UserError("Name the data set to get: companion data get mnist.")
        folder = find(name).ensure()
        where = f"is in {folder}" if folder else "needs no download: there is nothing to get"
        return Answer({"name": name, "folder": str(folder) if folder else None}, f"{name} {where}.")
    if action != "list":
        raise UserError(f"Expected `list` or `get`. Received: {action!r}.")
    shown = table("data", "what it is", "licence", "where")
    rows = []
    for entry in known().values():
        card, folder = entry.card, entry.locate()
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
                "available": entry.is_here(),
            }
        )
        shown.add_row(card.name, card.title, card.licence, where)
    looked = f"Looked in {source.root()} (TFDS_DATA_DIR). `companion data get NAME` downloads one."
    return Answer({"root": str(source.root()), "data": rows}, Group(shown, looked))


@command
def doctor(
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Time matrix products, memory and steps of training."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="With --measure: draw the roofline into this file (.png, .svg, .pdf)."),
    ] = None,
    json: Json = False,
) -> Answer:
    """Say what this machine can do, and what to do about what it cannot."""
    if output and not measure:
        raise UserError("--output draws what --measure finds. Give both.")
    if output and output.suffix not in (".png", ".svg", ".pdf"):
        raise UserError(f"--output is a .png, .svg or .pdf file. Received: {output}.")
    hardware.backend_name()
    plan = hardware.plan()
    gpu = "" if plan.kind != "cpu" else hardware.gpu_advice(plan.backend, **hardware.nvidia())
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"
    sources = known()
    settings = surroundings.settings()
    root = None if "home" in settings and not os.environ.get("TFDS_DATA_DIR") else source.root()
    here = [name for name, one in sources.items() if not one.card.host or (root and one.is_here())]
    advice = [*settings.values()]
    if gpu:
        advice.append(gpu)
    if len(here) < len(sources):
        advice.append("`companion data` lists the data sets that are not here yet.")
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "system": system,
        "versions": versions(),
        "plan": plan.to_json(),
        "settings": settings,
        "data_root": str(root) if root else None,
        "data": here,
        "free_gigabytes": round(shutil.disk_usage(".").free / 1e9, 1),
        "advice": advice,
    }
    shown = facts(
        python=platform.python_version(),
        system=system,
        packages=", ".join(f"{name} {version}" for name, version in versions().items()),
        backend=f"{plan.backend} (KERAS_BACKEND: {', '.join(hardware.BACKENDS)})",
        training=f"{plan.precision} on {_devices(plan.to_json())}: {plan.reason}",
        batch_size=plan.batch,
        data=", ".join(here),
        free_disk=f"{found['free_gigabytes']} GB",
    )
    if not measure:
        return Answer(found, Group(shown, *advice))
    measured = measuring.measure()
    found["measured"] = measured.to_json()
    if output:
        from companion.plots.roofline import draw_roofline

        draw_roofline(found["measured"]).savefig(output, dpi=120)
    return Answer(found, Group(shown, *_measured(measured), *advice))


def _measured(found: measuring.Measurement) -> Iterator[Any]:
    """Say what a machine reached."""
    rates = (f"{name} {rate / 1e9:,.0f}" for name, rate in found.matrix_rates.items())
    yield facts(
        measured=f"{found.device} in {found.seconds:.0f} s",
        matrix_product=f"10⁹ operations/s: {', '.join(rates)}",
        memory=f"{found.bandwidth / 1e9:,.1f} GB/s read",
    )
    rows = table("step of 128", "ms", "10⁹ operations/s", "share of float32", "roof")
    for one in found.steps:
        share, roof = f"{100 * found.share(one):.1f} %", found.bound(one.intensity) / 1e9
        rows.add_row(
            one.model, f"{1e3 * one.seconds:.2f}", f"{one.rate / 1e9:,.1f}", share, f"{roof:,.1f}"
        )
    yield rows
