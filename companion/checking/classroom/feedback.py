"""Feedback: one page for each learner, safe to open whatever was handed in.

A page is one file without a script, a style from elsewhere or a link that a learner chose; all text
is escaped, and a policy in its head lets a browser load nothing, should that ever fail.
"""

from collections.abc import Mapping
from html import escape

from companion.checking.verdict import Report, Status, Verdict

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }}
section {{ border-left: 4px solid #767676; padding: 0 1rem; margin: 1.5rem 0 }}
section.pass {{ border-color: #1b7f3b }}
section.fail, section.error {{ border-color: #b3261e }}
h2 {{ font-size: 1.1rem; margin: 0 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate }}
p {{ overflow-wrap: anywhere; unicode-bidi: isolate }}
</style>
<h1>{title}</h1>
<p><strong>{score} of {max_score} points</strong>, {passed} of {count} exercises passed.</p>
{notes}{verdicts}
<p><small>{path}. Isolation: {isolation}.</small></p>
</html>
"""
SENTENCES = {
    Status.PASS: "passed",
    Status.FAIL: "not right yet",
    Status.ERROR: "ended in an error",
    Status.TIMEOUT: "took too long",
    Status.MEMORY: "used up the memory",
    Status.NOT_ATTEMPTED: "not attempted",
    Status.CHECKER_ERROR: "could not be checked; that is not your fault",
}


def page(report: Report, reading: Mapping[str, str] | None = None) -> str:
    """Return a learner's page: every verdict with its reason, the failing case, what to read.

    Args:
        report: The learner's report, marks merged in.
        reading: Where each exercise is explained, in words, by the exercise's name.
    """
    passed = sum(verdict.status is Status.PASS for verdict in report.verdicts)
    return PAGE.format(
        title=escape(report.learner),
        score=f"{report.score:g}",
        max_score=f"{report.max_score:g}",
        passed=passed,
        count=len(report.verdicts),
        notes="".join(f"<p>{escape(note)}</p>\n" for note in report.notes),
        verdicts="".join(
            _section(one, (reading or {}).get(one.exercise)) for one in report.verdicts
        ),
        path=escape(report.path),
        isolation=escape(report.isolation or "none needed, nothing was run"),
    )


def _section(verdict: Verdict, read: str | None) -> str:
    """Return one exercise: status and points, what is wrong, the failing case, what to read."""
    passed = verdict.status is Status.PASS
    lines = [
        f'<section class="{escape(verdict.status)}">',
        f"<h2><code>{escape(verdict.exercise)}</code>: {SENTENCES[verdict.status]}, "
        f"{verdict.score:g} of {verdict.points:g} points</h2>",
    ]
    if verdict.message and not passed:
        lines.append(f"<p><strong>{escape(verdict.message)}</strong></p>")
    if verdict.details:
        lines.append(f"<pre>{escape(verdict.details)}</pre>")
    if verdict.remark:
        lines.append(f"<p>Your instructor writes: {escape(verdict.remark)}</p>")
    if read and not passed:
        lines.append(f"<p>Read: {escape(read)}.</p>")
    return "\n".join([*lines, "</section>\n"])
