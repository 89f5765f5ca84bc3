"""The verdict on one answer: one record that every front end renders."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How an answer came out."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NOT_ATTEMPTED = "not_attempted"
    CHECKER_ERROR = "checker_error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found in one answer to one exercise.

    Attributes:
        exercise: The exercise's name.
        chapter: The chapter's name, or the instructor's module.
        status: How the answer came out.
        message: One sentence: the recognised mistake where there is one.
        details: The first failing case, small enough to read: inputs, expected, received.
        mistake: The sentence of the recognised mistake, or what was seen of the result, or None.
        points: Points the exercise is worth.
        seconds: Time the answer took.
        computed: A digest of what a wrong answer computes that no mistake of the exercise explains:
            equal for equal mistakes.
        marked: The points that an instructor gave by hand, or None.
        remark: What the instructor wrote beside it.
    """

    exercise: str
    chapter: str
    status: Status
    message: str
    details: str = ""
    mistake: str | None = None
    points: float = 1.0
    seconds: float = 0.0
    computed: str = ""
    marked: float | None = None
    remark: str = ""

    @property
    def score(self) -> float:
        """Points earned: all of them or none, where no instructor said otherwise."""
        if self.marked is not None:
            return self.marked
        return self.points if self.status is Status.PASS else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Every verdict on one learner's file.

    Attributes:
        learner: Who the file belongs to: its name, or the folder's or archive's.
        path: Where the answers were read.
        verdicts: One for each exercise asked.
        isolation: The isolation that was reached, in words.
        seed: The seed that the cases were drawn from.
        seconds: Time the whole file took.
    """

    learner: str
    path: str
    verdicts: tuple[Verdict, ...]
    isolation: str
    seed: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def score(self) -> float:
        """Points earned over all exercises."""
        return sum(verdict.score for verdict in self.verdicts)

    @property
    def max_score(self) -> float:
        """Points that could be earned."""
        return sum(verdict.points for verdict in self.verdicts)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return {**asdict(self), "score": self.score, "max_score": self.max_score}
