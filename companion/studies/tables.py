"""Results as tables in Markdown, for a page that is built from records."""

from collections.abc import Iterable, Mapping, Sequence

from companion.studies.statistics import Statistics


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown; columns in which every cell is a number stand at the right.

    >>> print(markdown_table(("cell", "error"), [("GRU", "0.02"), ("LSTM", "–")]))
    | cell | error |
    |---|--:|
    | GRU | 0.02 |
    | LSTM | – |
    """
    cells = [[str(cell) for cell in row] for row in rows]
    columns = zip(*cells, strict=True)
    numbers = [all(cell[:1] in "0123456789−–" for cell in column) for column in columns]
    lines = ["| " + " | ".join(line) + " |" for line in (head, *cells)]
    lines.insert(1, "|" + "|".join("--:" if right else "---" for right in numbers) + "|")
    return "\n".join(lines)


def results_table(
    results: Statistics, form: str = ".1%", further: Mapping[str, tuple[str, str]] | None = None
) -> str:
    """Return a row for each level of a study: the outcome's mean, its interval, other means.

    Args:
        results: What was measured.
        form: How the outcome is formatted.
        further: Further columns: what stands above each → its name in ``results.table``, and how
            it is formatted.
    """
    factors, further = results.study.factors, further or {}
    head = (*factors, f"mean {results.name}", "95 % interval", *further)
    rows = (
        (
            *(row[factor] for factor in factors),
            format(row["mean"], form),
            f"{row['low']:{form}} to {row['high']:{form}}",
            *(format(row[column], how) for column, how in further.values()),
        )
        for _, row in results.table.iterrows()
    )
    return markdown_table(head, rows)
