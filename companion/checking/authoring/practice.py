"""Practice in the learner's own kernel: a verdict that a notebook shows as rich text."""

from dataclasses import dataclass
from html import escape

from companion.checking.verdict import Status, Verdict

PRACTICE = "This is practice, in your own notebook; `companion check` gives what counts."
COLOURS = {Status.PASS: "#1b7f3b", Status.NOT_ATTEMPTED: "#6b6b6b"}
WRONG = "#b3261e"


@dataclass(frozen=True, slots=True)
class Practice:
    """A verdict on a function of this very session, shown as rich text by a notebook.

    Attributes:
        verdict: How the answer came out.
    """

    verdict: Verdict

    def __str__(self) -> str:
        lines = [f"{self.verdict.exercise}: {self.verdict.status}. {self.verdict.message}"]
        return "\n".join([*lines, *filter(None, [self.verdict.details]), PRACTICE])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        verdict = self.verdict
        colour = COLOURS.get(verdict.status, WRONG)
        status = verdict.status.replace("_", " ")
        details = f"<details open><pre>{escape(verdict.details)}</pre></details>"
        return (
            f'<div style="border-left:4px solid {colour};padding:.2em .8em">'
            f'<b style="color:{colour}">{escape(status)}</b> '
            f"<code>{escape(verdict.exercise)}</code> {escape(verdict.message)}"
            f"{details if verdict.details else ''}<small>{escape(PRACTICE)}</small></div>"
        )
