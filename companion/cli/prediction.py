"""Prediction: `companion predict`."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer

from companion import catalogue
from companion.cli import Json, command
from companion.console import Answer, out
from companion.data_files import data_folder
from companion.datasets.sources import known
from companion.errors import UnknownNameError, UserError, attempt
from companion.files import free
from companion.prefetch import map_in_order
from companion.training import seeing
from companion.training.run import read_record

MAX_DRAWN = 10  # files whose answers are drawn without being asked
MAX_WAITING_DRAWINGS = 16  # answers that may wait for their drawings while the model reads on


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
            help=f"Folder for a drawing of each answer; predictions, for up to {MAX_DRAWN} files."
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
    folder = output or (Path("predictions") if len(files) <= MAX_DRAWN else None)
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
        notice += f"\n--output DIR draws them; of more than {MAX_DRAWN} files nothing is drawn."
    return Answer({"run": run, "notice": notice, "predictions": rows}, notice.strip(), code)


def _rows(
    files: list[Path], predictions: Iterator[Any], folder: Path | None
) -> Iterator[dict[str, Any]]:
    """Yield what is said of each file, in order; drawings are made while the model reads on."""
    pairs = zip(files, predictions, strict=True)
    if folder is None:
        yield from itertools.starmap(_row, pairs)
        return
    renderer = _Renderer(folder)
    with ThreadPoolExecutor(1) as pool:
        yield from map_in_order(
            pool, lambda one: _row_with_drawing(renderer, *one), pairs, ahead=MAX_WAITING_DRAWINGS
        )


def _row(file: Path, prediction: Any) -> dict[str, Any]:
    """Return what was found of a file."""
    if isinstance(prediction, UserError):
        return {"file": str(file), "error": str(prediction)}
    return {"file": str(file), **prediction.data, "sentence": prediction.sentence}


def _row_with_drawing(renderer: "_Renderer", file: Path, prediction: Any) -> dict[str, Any]:
    """Return what was found of a file, and draw it; a drawing that fails costs no answer."""
    row = _row(file, prediction)
    if "error" in row:
        return row
    drawing = attempt(renderer.draw, file, prediction)
    if isinstance(drawing, UserError):
        cause = drawing.__cause__
        return {**row, "not_drawn": str(cause if isinstance(cause, OSError) else drawing)}
    return {**row, "drawing": str(drawing)}


class _Renderer:
    """Draws answers into a folder, one after the other on one figure."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.figure = folder, None

    def draw(self, file: Path, prediction: Any) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        drawing = free(self.folder / f"{file.stem}.png")
        reused, self.figure = self.figure, None  # one on which a drawing failed is not used again
        figure = prediction.figure(reused)
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
