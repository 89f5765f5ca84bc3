"""What the book holds: `companion chapters` and `companion models`."""

from companion import catalogue
from companion.checking.classroom import progress
from companion.cli import Json, command
from companion.console import Answer, table


@command
def chapters(json: Json = False) -> Answer:
    """List the book: number, models, exercises passed (and solutions seen before), the question."""
    shown = table(">", "chapter", "models", ">passed", "question")
    rows = []
    by_exercise = progress.load_progress()
    for entry in catalogue.discover():
        card, exercises = entry.card, entry.exercise_names()
        known = {name: by_exercise.get(f"{entry.name}/{name}") for name in exercises}
        passed = [name for name, one in known.items() if one and one.passed]
        seen = [name for name, one in known.items() if one and one.solution]
        names = [model.name for model in card.models]
        rows.append(
            {
                "number": card.number,
                "name": entry.name,
                "title": card.title,
                "question": card.question,
                "lectures": list(card.lectures),
                "models": names,
                "exercises": list(exercises),
                "passed": passed,
                "solutions_seen": seen,
            }
        )
        shown.add_row(
            str(card.number),
            entry.name,
            ", ".join(names),
            (f"{len(passed)} of {len(exercises)}" if exercises else "")
            + (f" ({len(seen)} seen)" if seen else ""),
            card.question,
        )
    return Answer({"chapters": rows}, shown)


@command
def models(json: Json = False) -> Answer:
    """List every model: parameters, input shape, chapter, paper."""
    shown = table("model", ">parameters", "input", "chapter", "paper")
    rows = []
    for name, (entry, model) in catalogue.models().items():
        shape = "×".join("any" if size is None else str(size) for size in model.input_shape)
        rows.append(
            {
                "name": name,
                "parameters": model.parameters,
                "input_shape": list(model.input_shape),
                "chapter": entry.name,
                "paper": model.paper,
            }
        )
        shown.add_row(name, f"{model.parameters:,}", shape, entry.name, model.paper)
    return Answer({"models": rows}, shown)
