"""How recordings lie in tables as people export them: one sample a line, or columns of leads."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.contents import KINDS, VOLTS, Contents, Lead, normalized_unit
from companion.errors import UserError

GAPS = {"", "nan", "na", "n/a", "null", "none", "-", "--", "?", "inf", "+inf", "-inf"}
EXPONENT = r"(?:[eE][+-]?\d+)?"
NUMBERS = {
    ".": re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){EXPONENT}"),
    ",": re.compile(rf"[+-]?(?:\d+(?:,\d+)?|,\d+){EXPONENT}"),
}
DECIMALS = re.compile(r"[+-]?0\d+|[+-]0")  # 003 and -0: between commas, halves of a number
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:[.,]\d+)?)(?!:)")
BLANKS = r"\s+"
SEPARATORS = (";", "\t", ",", "|", BLANKS)
ENOUGH = 10  # rows that show how a table is written
NO_RATE = re.compile(r"(?i)filter|pass|notch|heart|puls|herz|bpm|cardia")
HERTZ = r"(?:hz|hertz|sps|samples?\s*(?:/|per)\s*s)"
VALUE = r"(?<!\d)(?<!\d[.,])(\d+(?:[.,]\d+)?)"
STATED_RATE = re.compile(
    rf"(?i){VALUE}\s*{HERTZ}"
    r"|(?:(?:sampl\w*|abtast\w*|mess)\W*(?:rate|freq)|abtastrate|échantillonnage|muestreo|\bfs\b)"
    rf"[^\d]*?{VALUE}\W*$"
)
UNIT = r"[nuµ\u03bcm]v|(?:micro|milli)?volts?"
STATED_UNIT = re.compile(rf"(?i)(?<!\w)({UNIT})(?!\w)|unit\w*\W+(v)\W*$")
NAMED_UNIT = re.compile(rf"(?i)(?:[\s_]|^)({UNIT})$|[(\[]\s*([^)\]]*?)\s*[)\]]\s*$")
TIMES = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "sekunden": 1.0,
         "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6}  # fmt: skip
OTHERS = {"mmhg", "%", "bpm", "°c", "ohm", "g", "hz", "cmh2o"}  # units of what is no ECG
NAMED_TIME = re.compile(r"(?i)(time|zeit|timestamp|date|datum|elapsed|temps|tiempo|tempo)\b")
COUNTED = re.compile(r"(?i)sample\w*|index|count|frame|nr\.?|no\.?|n|#|unnamed.*")
SLOWEST, FASTEST = 50, 10_000  # Hz: what an ECG is sampled at
NumberedLines = list[tuple[int, str]]  # lines and their numbers in the file


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes:
        separator: What stands between cells.
        decimal: Decimal sign.
        start: How many lines of a head come before the rows.
        width: Cells in a row.
        first: The numbers of its first rows, None where there is no number.
    """

    separator: str
    decimal: str
    start: int
    width: int
    first: tuple[tuple[float | None, ...], ...]

    def is_row(self, row: list[str]) -> bool:
        """Say whether these cells are numbers, gaps, times and words as in a row of samples."""
        kinds = [kind(cell, self.separator, self.decimal) for cell in row]
        return "number" in kinds and "" not in kinds and kinds[0] != "word"


def text(path: Path) -> Contents:
    """Return the leads of a table that is written as text.

    Separator and decimal sign are found out; where two readings are possible and nothing in the
    file decides, it is refused. The rate is what the head says, or what a column of times has.
    """
    content = decoded(path.read_bytes()).replace("\u2212", "-").replace("\xa0", " ")
    lines = [
        (number, line.replace("'", "").strip(" \r\f"))
        for number, line in enumerate(content.split("\n"), 1)
        if line.strip() and not line.lower().startswith("sep=")
    ]
    comments = [line for _, line in lines if line.startswith(("#", "%", "//"))]
    rows = [(number, line) for number, line in lines if not line.startswith(("#", "%", "//"))]
    if not rows:
        raise UserError(f"There is not one sample in it. {KINDS}")
    layout = layout_of(rows)
    head = [line for _, line in rows[: layout.start]]
    columns, clocks = numbers_of(rows[layout.start :], layout)
    names, units, other_lines = titles(head, layout)
    rate, unit = rate_in_head(comments + other_lines), unit_in_head(comments + other_lines)
    remarks: list[str] = []
    numbers_only = len(columns) == 1 and len(head) < 2 and not comments
    time_column = next((k for k, column in columns.items() if is_time(column, len(columns))), None)
    if time_column is not None:
        rate_of_times, columns = timed(columns, time_column, names[time_column], units[time_column])
        if rate_of_times and rate and abs(rate_of_times - rate) > 0.02 * rate:
            remarks = [
                f"its head says {rate:g} Hz, its times {rate_of_times:g} Hz, which was taken"
            ]
        rate = rate_of_times or rate
    for k in [k for k in columns if k in clocks or NAMED_TIME.match(names[k])]:
        remarks.append(f"the times in column {k + 1} do not always grow: they were passed over")
        del columns[k]
    leads = [
        Lead(names[k] or str(k + 1), column, rate, units[k] or unit)
        for k, column in columns.items()
    ]
    if not leads:
        raise UserError(f"There is no column of samples in it. {KINDS}")
    return Contents(leads, remarks, numbers_only)


def decoded(contents: bytes) -> str:
    """Return a text file's words: UTF-8, UTF-16 as spreadsheets write it, or Windows' own.

    Raises:
        UserError: If these are no words.
    """
    sample = contents[:4000]
    encodings = ["utf-8-sig", "cp1252"]
    if contents.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif sample.count(0) > len(sample) / 4:
        encodings = ["utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"]
    for encoding in encodings:
        try:
            content = contents.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not any(character < " " and character not in "\t\n\r\f" for character in content):
            return content.replace("\r\n", "\n").replace("\r", "\n")
    sheet = " A spreadsheet is saved as CSV first." if contents.startswith(b"PK") else ""
    raise UserError(f"This is neither a text nor a format that is known here.{sheet} {KINDS}")


def split(line: str, separator: str) -> list[str]:
    """Return the cells of a line."""
    if separator == BLANKS:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def kind(cell: str, separator: str, decimal: str) -> str:
    """Return what a cell is: a number, a gap, a clock's time, a word, or "" for none of these."""
    if NUMBERS[decimal].fullmatch(cell):
        halved = separator == "," and DECIMALS.fullmatch(cell)
        return "" if halved else "number"
    if cell.lower() in GAPS:
        return "gap"
    if CLOCK.search(cell):
        return "clock"
    return "" if re.search(r"\d", cell) else "word"


def number(cell: str) -> float | None:
    """Return a cell's number, or None."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def layout_of(lines: NumberedLines) -> Layout:
    """Return how a table is written, by its first rows of numbers.

    Raises:
        UserError: If there are none, or they can be read in two ways.
    """
    attempts = [
        layout_read_as(lines, separator, decimal) for separator in SEPARATORS for decimal in NUMBERS
    ]
    layouts = [layout for layout in attempts if layout]
    if not layouts:
        line_number, line = lines[min(1, len(lines) - 1)]
        raise UserError(
            f"No rows of numbers were found; line {line_number} is {line[:60]!r}. {KINDS}"
        )
    start = min(layout.start for layout in layouts)
    candidates = list({one.first: one for one in layouts if one.start == start}.values())
    if len(candidates) > 1:  # a comma between whole numbers: does it separate all that follows?
        cells = [[split(line, one.separator) for _, line in lines[start:]] for one in candidates]
        candidates = [
            one for one, rows in zip(candidates, cells, strict=True) if all(map(one.is_row, rows))
        ]
    if len(candidates) > 1 and start:  # as many names as columns
        names = len(split(lines[start - 1][1], ","))
        candidates = [one for one in candidates if one.width == names]
    if len(candidates) == 1:
        for line_number, line in lines[:start]:
            row = split(line, candidates[0].separator)
            if len(row) == candidates[0].width and candidates[0].is_row(row):
                bad, odd = lines[start - 1]
                raise UserError(
                    f"Line {bad}: a row like line {line_number} is expected. Found {odd[:60]!r}."
                )
    else:
        line_number, line = lines[start]
        raise UserError(
            f"Line {line_number} is {line[:60]!r}: a comma may stand before decimals or "
            "between columns. Write decimals with a point, or columns with a semicolon and a name "
            "above each."
        )
    return candidates[0]


def layout_read_as(lines: NumberedLines, separator: str, decimal: str) -> Layout | None:
    """Return the layout if some of the first lines are rows of one width when read so."""
    rows = [split(line, separator) for _, line in lines[: 100 + ENOUGH]]
    for start, row in enumerate(rows[:100]):
        some = rows[start : start + ENOUGH]
        first = tuple(tuple(map(number, one)) for one in some)
        layout = Layout(separator, decimal, start, len(row), first)
        if all(not any(one[len(row) :]) and layout.is_row(one) for one in some):
            return layout
    return None


def numbers_of(
    lines: NumberedLines, layout: Layout
) -> tuple[dict[int, NDArray[np.float64]], set[int]]:
    """Return the columns of a table as numbers, by their place, and which are a clock's times.

    These become seconds; columns without any number are left out.

    Raises:
        UserError: If a row is too long, or a cell is neither a number nor a gap.
    """
    columns, clocks = {}, set()
    for k, column in frame_of(lines, layout).items():
        values = column
        if column.dtype.kind not in "iuf":
            cells = column.fillna("").astype(str).str.strip()
            kinds = {kind(cell, layout.separator, layout.decimal) for cell in cells.head(ENOUGH)}
            if kinds <= {"word", "gap"}:
                continue
            if "clock" in kinds:
                clocks.add(k)
                columns[k] = past_midnight(cells.map(seconds).to_numpy("float64"))
                continue
            for (line_number, _), cell in zip(lines, cells, strict=False):
                if kind(cell, layout.separator, layout.decimal) not in ("number", "gap"):
                    raise UserError(
                        f"Line {line_number}: a number is expected. Found {cell[:40]!r}."
                    )
            values = cells.map(number)
        values = values.to_numpy("float64", na_value=np.nan)
        if np.isfinite(values).any():
            columns[k] = values
    return columns, clocks


def frame_of(lines: NumberedLines, layout: Layout) -> Any:
    """Return the rows of a table as a data frame, with numbers for its columns' names.

    Raises:
        UserError: If a row is too long, or it is no table.
    """
    import pandas as pd

    for line_number, line in lines:
        cells = split(line, layout.separator)
        if len(cells) > layout.width and any(cells[layout.width :]):
            raise UserError(
                f"Line {line_number}: {layout.width} cells are expected. Found {len(cells)}: "
                f"{line[:60]!r}."
            )
    try:
        return pd.read_csv(
            io.StringIO("\n".join(line for _, line in lines)),
            sep=layout.separator,
            decimal=layout.decimal,
            header=None,
            names=range(layout.width),
            usecols=range(layout.width),
            index_col=False,
            keep_default_na=False,
            na_values=[*GAPS, "NaN", "NA", "NULL", "None"],
            skipinitialspace=True,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise UserError(f"It cannot be read as a table: {error}.") from error


def seconds(clock: str) -> float:
    """Return a clock's time in seconds.

    >>> seconds("[00:01:02.500]"), seconds("1:02.5"), seconds("2024-03-01T00:00:01,250Z")
    (62.5, 62.5, 1.25)
    """
    match = CLOCK.search(clock)
    if not match:
        return float("nan")
    hours, minutes, rest = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(rest.replace(",", "."))


def past_midnight(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times of day that go on after midnight."""
    return times + 86_400 * np.cumsum(np.diff(times, prepend=times[:1]) < -43_200)


def titles(head: list[str], layout: Layout) -> tuple[list[str], list[str | None], list[str]]:
    """Return the names and units of the columns, and the other lines of the head.

    The last line of the head names the columns, or their units below the names.
    """
    rows = [split(line, layout.separator) for line in head]
    fitting = 0  # lines at the end of the head that have a cell for each column, and no number
    for row, line in zip(rows[:-3:-1], head[:-3:-1], strict=True):
        alone = layout.width > 1 or not re.search(r"[,;:=\t]", line)
        kinds = [kind(cell, layout.separator, layout.decimal) for cell in row]
        if len(row) != layout.width or not alone or "number" in kinds:
            break
        fitting += 1
    names: list[str] = [""] * layout.width
    units: list[str | None] = [None] * layout.width
    other_lines = head
    if fitting:
        last = [unit_of_cell(cell) for cell in rows[-1]]
        below = fitting == 2 and any(last)
        names, other_lines = (rows[-2], head[:-2]) if below else (rows[-1], head[:-1])
        units = last if below else units
    within = [unit_in_name(name) for name in names]
    return names, [one or two for one, two in zip(units, within, strict=True)], other_lines


def unit_of_cell(cell: str) -> str | None:
    """Return the unit that a cell consists of, of a voltage or of time, or None."""
    bare = cell.strip(" ()[]")
    known = normalized_unit(bare) in VOLTS or bare.lower() in TIMES or "mm:ss" in bare
    return bare if known else None


def unit_in_name(name: str) -> str | None:
    """Return the unit that a column's name ends in.

    >>> unit_in_name("ECG (mV)"), unit_in_name("ecg_uV"), unit_in_name("ABP [mmHg]")
    ('mV', 'uV', 'mmHg')
    """
    match = NAMED_UNIT.search(name) or re.search(r"[\s_](ms|msec|us|µs|s|sec)$", name.lower())
    unit = next((group for group in match.groups() if group), "") if match else ""
    known = normalized_unit(unit) in VOLTS or unit.lower() in TIMES or unit.lower() in OTHERS
    return unit if known else None


def rate_in_head(lines: list[str]) -> float | None:
    """Return the rate that a head states, in Hz, or None if it states none, or several.

    >>> rate_in_head(["Sample Rate,512 hertz", "Low pass filter,40 Hz"])
    512.0
    """
    matches = [STATED_RATE.search(line) for line in lines if not NO_RATE.search(line)]
    rates = {
        float(next(group for group in one.groups() if group).replace(",", "."))
        for one in matches
        if one
    }
    return rates.pop() if len(rates) == 1 else None


def unit_in_head(lines: list[str]) -> str | None:
    """Return the unit that a head states, or None if it states none, or several."""
    matches = [STATED_UNIT.search(line) for line in lines]
    units = [next(group for group in one.groups() if group) for one in matches if one]
    return units[0] if len(set(map(normalized_unit, units))) == 1 else None


def is_time(column: NDArray[np.float64], columns: int) -> bool:
    """Say whether one of several columns always grows, which no ECG does."""
    return columns > 1 and bool((np.diff(column) > 0).all())


def timed(
    columns: dict[int, NDArray[np.float64]], time: int, name: str, unit: str | None
) -> tuple[float | None, dict[int, NDArray[np.float64]]]:
    """Return the rate that a column of times has, and the other columns, with NaN in gaps.

    Args:
        columns: All columns.
        time: Which of them holds the times.
        name: Its name.
        unit: The unit of time, where it is stated; else the one that makes 50 to 10,000 Hz.

    Returns:
        ``(rate, columns)``; the rate is None where the column only counts, or its unit is not
        stated and none fits.
    """
    times = columns[time]
    others = {k: column for k, column in columns.items() if k != time}
    steps = np.diff(times)
    if len(steps) == 0:
        return None, others
    median_step = float(np.median(steps))
    if unit is None or (normalized_unit(unit) not in TIMES and "mm:ss" not in unit):
        counts = median_step == 1 or COUNTED.fullmatch(name.strip())
        fitting = [
            one for one in (1, 1e-3, 1e-6, 1e-9) if SLOWEST <= 1 / (median_step * one) <= FASTEST
        ]
        if counts or not fitting:
            return None, others
        scale = fitting[0]
    else:
        scale = TIMES.get(normalized_unit(unit), 1.0)
    small = steps[steps < 2.5 * median_step]  # times are rounded: 360 Hz comes as 2 or 3 ms
    step = float(small.mean())
    rate = 1 / (step * scale)
    # Of the mean step, relative to it.
    uncertainty = np.abs(small - step).max() / (step * len(small)) + 1e-6
    if abs(round(rate) - rate) <= uncertainty * rate:
        rate = float(round(rate))
    if len(small) == len(steps):
        return rate, others
    positions = np.rint((times - times[0]) * scale * rate).astype(int)
    if positions[-1] > 2 * len(times):
        raise UserError(
            f"There are gaps in its times: {len(times)} samples in "
            f"{(times[-1] - times[0]) * scale:,.1f} s, {rate:g} in a second."
        )
    gapped = {k: np.full(positions[-1] + 1, np.nan) for k in others}
    for k, column in others.items():
        gapped[k][positions] = column
    return rate, gapped
