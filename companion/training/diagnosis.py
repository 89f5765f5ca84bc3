"""What looks sick in a training: signs with their numbers, likely causes, and what to try.

Each rule is a function of what a run has kept (`companion.training.examination`); it returns the
sign that it has seen, with its number, or None. The order of the rules is that of causes before
consequences: the data, the setting, the first weights, the layers, and at last the curves.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from companion.training import signs_of_curves, signs_of_data, signs_of_layers, signs_of_setting
from companion.training.signs import Rules, TrainingLog

RULES: Rules = {
    **signs_of_data.RULES,
    **signs_of_setting.RULES,
    **signs_of_layers.RULES,
    **signs_of_curves.RULES,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks sick.

    Attributes:
        name: What it is called.
        sign: What was seen, with its number.
        cause: What it likely comes from.
        remedy: What to try.
        section: The section of the book that explains it, by its id.
    """

    name: str
    sign: str
    cause: str
    remedy: str
    section: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination came to.

    Attributes:
        findings: What looks sick, causes before consequences.
        looked_for: How many signs could be looked for.
    """

    findings: tuple[Finding, ...]
    looked_for: int

    @property
    def healthy(self) -> bool:
        """Whether nothing looks sick."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        findings = [asdict(one) for one in self.findings]
        return {"healthy": self.healthy, "looked_for": self.looked_for, "findings": findings}

    def __str__(self) -> str:
        return self.in_words(str)

    def in_words(self, where: Callable[[str], str]) -> str:
        """Return the report in words.

        Args:
            where: Says where a section of the book is, by its id.
        """
        if self.healthy:
            return f"Nothing looks sick: {self.looked_for} signs were looked for, none was seen."
        return "\n\n".join(
            f"{number}. {one.name[0].upper()}{one.name[1:]}\n"
            f"   Sign: {one.sign}\n   Likely cause: {one.cause}\n   Try: {one.remedy}\n"
            f"   Read: {where(one.section)}"
            for number, one in enumerate(self.findings, 1)
        )


def diagnose(kept: dict[str, Any]) -> Report:
    """Return what looks sick in what a run has kept.

    A rule whose numbers were not kept is left out.
    """
    findings, looked_for, log = [], 0, TrainingLog(kept)
    for name, (rule, *words) in RULES.items():
        try:
            sign = rule(log)
        except (KeyError, IndexError, ValueError):  # what it reads was not kept
            continue
        looked_for += 1
        if sign:
            findings.append(Finding(name, sign, *words))
    return Report(tuple(findings), looked_for)
