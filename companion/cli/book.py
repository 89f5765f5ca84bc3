"""What the book holds: `companion chapters` and `companion models`."""

from companion import catalogue
from companion.cli import Json, command
from companion.console import Answer, table


@command
def chapters(json: Json = False) -> Answer:
    """List the book: number, models, exercises and how many you have passed, and the question."""
    from companion.checking import progress

    shown = table(">", "chapter", "models", ">passed", "question")
    rows = []
    standings = progress.standings()
    for found in catalogue.discover():
        card = found.card
        exercises = found.exercise_names()
        passed = [
            name
            for name in exercises
            if standings.get(f"{found.name}/{name}", progress.Standing()).passed
        ]
        names = [model.name for model in card.models]
        rows.append(
            {
                "number": card.number,
                "name": found.name,
                "title": card.title,
                "question": card.question,
                "lectures": list(card.lectures),
                "models": names,
                "exercises": list(exercises),
                "passed": passed,
            }
        )
        shown.add_row(
            str(card.number),
            found.name,
            ", ".join(names),
            f"{len(passed)} of {len(exercises)}" if exercises else "",
            card.question,
        )
    return Answer({"chapters": rows}, shown)


@command
def models(json: Json = False) -> Answer:
    """List every model: parameters, input shape, chapter, paper."""
    shown = table("model", ">parameters", "input", "chapter", "paper")
    rows = []
    for name, (found, model) in catalogue.models().items():
        shape = "×".join("any" if size is None else str(size) for size in model.input_shape)
        rows.append(
            {
                "name": name,
                "parameters": model.parameters,
                "input_shape": list(model.input_shape),
                "chapter": found.name,
                "paper": model.paper,
            }
        )
        shown.add_row(name, f"{model.parameters:,}", shape, found.name, model.paper)
    return Answer({"models": rows}, shown)
