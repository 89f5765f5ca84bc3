"""The machine: which data sets lie on it and what it can do, `companion data` and `doctor`."""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from companion.cli import Json, command, surroundings
from companion.console import Answer, facts, table
from companion.datasets import source
from companion.datasets.sources import find, known
from companion.errors import UserError
from companion.training import hardware, measuring
from companion.training.run import versions


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
        location = f"is in {folder}" if folder else "needs no download: there is nothing to get"
        return Answer(
            {"name": name, "folder": str(folder) if folder else None}, f"{name} {location}."
        )
    if action != "list":
        raise UserError(f"Expected `list` or `get`. Received: {action!r}.")
    shown = table("data", "what it is", "licence", "where")
    rows = []
    for entry in known().values():
        card, folder = entry.card, entry.locate()
        location = str(folder) if folder else "embedded" if not card.host else "not here"
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
        shown.add_row(card.name, card.title, card.licence, location)
    root_line = (
        f"Looked in {source.root()} (TFDS_DATA_DIR). `companion data get NAME` downloads one."
    )
    return Answer({"root": str(source.root()), "data": rows}, Group(shown, root_line))


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
    report = _machine_report(plan)
    shown = facts(
        python=report["python"],
        system=report["system"],
        packages=", ".join(f"{name} {version}" for name, version in report["versions"].items()),
        backend=f"{plan.backend} (KERAS_BACKEND: {', '.join(hardware.BACKENDS)})",
        training=f"{plan.precision} on {hardware.devices_text(plan.to_json())}: {plan.reason}",
        batch_size=plan.batch,
        data=", ".join(report["data"]),
        free_disk=f"{report['free_gigabytes']} GB",
    )
    advice = report["advice"]
    if not measure:
        return Answer(report, Group(shown, *advice))
    measurement = measuring.measure()
    report["measured"] = measurement.to_json()
    if output:
        from companion.plots.roofline import draw_roofline

        draw_roofline(report["measured"]).savefig(output, dpi=120)
    return Answer(report, Group(shown, *_measurement_lines(measurement), *advice))


def _machine_report(plan: hardware.Plan) -> dict[str, Any]:
    """Return what this machine has, with advice on what it has not."""
    gpu = "" if plan.kind != "cpu" else hardware.gpu_advice(plan.backend, **hardware.nvidia())
    sources = known()
    settings = surroundings.settings()
    root = None if "home" in settings and not os.environ.get("TFDS_DATA_DIR") else source.root()
    available = [
        name
        for name, data_set in sources.items()
        if not data_set.card.host or (root and data_set.is_here())
    ]
    advice = [*settings.values()]
    if gpu:
        advice.append(gpu)
    if len(available) < len(sources):
        advice.append("`companion data` lists the data sets that are not here yet.")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "versions": versions(),
        "plan": plan.to_json(),
        "settings": settings,
        "data_root": str(root) if root else None,
        "data": available,
        "free_gigabytes": round(shutil.disk_usage(".").free / 1e9, 1),
        "advice": advice,
    }


def _measurement_lines(measurement: measuring.Measurement) -> Iterator[Any]:
    """Say what a machine reached."""
    rates = (f"{name} {rate / 1e9:,.0f}" for name, rate in measurement.matrix_rates.items())
    yield facts(
        measured=f"{measurement.device} in {measurement.seconds:.0f} s",
        matrix_product=f"10⁹ operations/s: {', '.join(rates)}",
        memory=f"{measurement.bandwidth / 1e9:,.1f} GB/s read",
    )
    rows = table("step of 128", "ms", "10⁹ operations/s", "share of float32", "roof")
    for step in measurement.steps:
        share = f"{100 * measurement.share(step):.1f} %"
        roof = measurement.bound(step.intensity) / 1e9
        rows.add_row(
            step.model,
            f"{1e3 * step.seconds:.2f}",
            f"{step.rate / 1e9:,.1f}",
            share,
            f"{roof:,.1f}",
        )
    yield rows
    if measurement.other_backends:
        yield from _backend_lines(measurement)


def _backend_lines(measurement: measuring.Measurement) -> Iterator[Any]:
    """Say which of the installed backends is the fastest here."""
    names = [measurement.backend, *measurement.other_backends]
    rows = table("step of 128", *(f"{name}, ms" for name in names), "fastest")
    fastest = []
    for step in measurement.steps:
        seconds = measurement.backends(step.model)
        fastest.append(next(iter(seconds)))
        cells = (f"{1e3 * seconds[name]:.2f}" if name in seconds else "" for name in names)
        rows.add_row(step.model, *cells, fastest[-1])
    yield rows
    if others := set(fastest) - {measurement.backend}:
        yield f"Of the installed backends another is faster for some: KERAS_BACKEND={min(others)}."
