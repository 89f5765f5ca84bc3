"""For pytest: assert that a file answers its exercises; a test that fails says why."""

from pathlib import Path

from companion.checking.classroom.one_file import check_path
from companion.checking.verdict import Report, Status


def assert_passes(
    path: str | Path, *names: str, exercises: str | None = None, seed: int = 0
) -> Report:
    """Check a learner's file and raise an assertion that names every wrong answer and its reason.

    Args:
        path: The learner's Python file.
        *names: The exercises to check; all by default.
        exercises: A chapter's name or the path of an instructor's exercises; by default the
            chapter whose functions the file defines.
        seed: What the cases are drawn from.

    Returns:
        The report, if every answer is right.

    Raises:
        AssertionError: If an answer is not right.
        UserError: If there is no such file, or no such exercise.
    """
    __tracebackhide__ = True
    report = check_path(Path(path), exercises, only=names or None, seed=seed)
    wrong = [verdict for verdict in report.verdicts if verdict.status is not Status.PASS]
    messages = [
        "\n".join(filter(None, (f"{v.exercise}: {v.status}: {v.message}", v.details)))
        for v in wrong
    ]
    if wrong:
        raise AssertionError("\n\n".join([f"{path}: {len(wrong)} not right.", *messages]))
    return report
