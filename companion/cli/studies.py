"""Studies at the command line: `companion study` and `companion verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from companion import catalogue, studies
from companion.cli import Json, command
from companion.console import Answer, table
from companion.errors import UserError

RUNS = Path("runs") / "studies"
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes; one for each core by default.")
]


@command
def study(
    name: Annotated[str, typer.Argument(help="The study; without one, all are listed.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer levels and seeds.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds per level.")] = None,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tcp://HOST:PORT, instead of workers.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the rows; runs/studies/… by default.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Run full and quick, and keep both in data/results/.")
    ] = False,
    json: Json = False,
) -> Answer:
    """Run a study and say what it shows; run it again to continue where it stopped.

    Exits with 1 when rows were lost: they are named, and tried again next time.
    """
    if not name:
        return listing()
    chapter, chosen = catalogue.find_study(name)

    if record:
        if quick or seeds or scheduler or output:
            raise UserError("--record runs the whole study: leave out all options but --workers.")
        path = studies.record(chosen, chapter.name, RUNS / name, workers)
        return Answer({"study": name, "record": str(path)}, Text(f"Recorded in {path}."))

    folder = output or RUNS / name / ("quick" if quick else "full")
    results = studies.run_study(
        chosen, folder, quick=quick, seeds=seeds, workers=workers, scheduler=scheduler
    )
    data = {**results.to_json(), "chapter": chapter.name, "output": str(folder)}
    if not results.rows:
        return Answer(data, results.verdict, 1)
    figure = results.save(folder)
    shown = table("level", ">seeds", ">mean", ">sd", "95 % interval", "against the baseline")
    for _, row in results.table.iterrows():
        mean, sd, low, high = (studies.number(row[key]) for key in ("mean", "sd", "low", "high"))
        shown.add_row(row["level"], str(row["seeds"]), mean, sd, f"{low} to {high}", row["effect"])
    lost = [
        f"lost: {chosen.name_of(row.level)}, seed {row.seed}: {row.reason}" for row in results.lost
    ]
    below = Text("\n".join([results.verdict, *lost, f"Figure: {figure}"]))
    blocks = Group(Text(chosen.question), shown, below)
    return Answer({**data, "figure": str(figure)}, blocks, 1 if lost else 0)


def listing() -> Answer:
    """List every study of the book."""
    shown = table("study", "chapter", ">rows", ">quick", "question")
    studies = [
        {
            "name": name,
            "chapter": chapter.name,
            "rows": len(chosen.rows()),
            "quick_rows": len(chosen.rows(quick=True)),
            "question": chosen.question,
        }
        for name, (chapter, chosen) in catalogue.studies().items()
    ]
    for row in studies:
        shown.add_row(*map(str, row.values()))
    return Answer({"studies": studies}, shown)


@command
def verify(
    name: Annotated[
        str, typer.Argument(help="A chapter or a study; without one, the whole book.")
    ] = "",
    full: Annotated[
        bool,
        typer.Option("--full", help="Run the full studies again too, not the quick ones only."),
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the recorded seeds; one of an ECG study is a fold."),
    ] = None,
    workers: Workers = None,
    json: Json = False,
) -> Answer:
    """Make the recorded results again and compare: match, drift (exit code 1) or cannot.

    Tables and verdicts must follow from the recorded rows; then the quick rows are run again, and
    each level's mean must lie in its recorded band.
    """
    known = catalogue.studies()
    if name and name not in known:
        catalogue.find_chapter(name)
    outcomes = [
        studies.verify(chosen, chapter.name, full=full, seeds=seeds, workers=workers)
        for chapter, chosen in known.values()
        if name in ("", chapter.name, chosen.name)
    ]
    shown = table("study", "chapter", "result", "")
    for outcome in outcomes:
        shown.add_row(outcome.study, outcome.chapter, outcome.status, outcome.message)
    drifted = any(outcome.status == "drift" for outcome in outcomes)
    data = {"results": [asdict(outcome) for outcome in outcomes]}
    return Answer(data, shown if outcomes else "Nothing to verify.", 1 if drifted else 0)
