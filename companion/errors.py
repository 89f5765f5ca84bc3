"""The errors that a reader is meant to see: what was expected, what came, what to do."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """Something cannot be done as it was asked; the command line ends with exit code 2."""


class UnknownNameError(UserError, LookupError):
    """A name that nothing here bears; the message gives the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known) or 'none'}."
        super().__init__(f"There is no {kind} named {name!r}. {hint}")


def attempt(call: Callable[..., T], *arguments: object, **options: object) -> "T | UserError":
    """Return what a call returns, or the `UserError` that says why it could not be carried out.

    For one of many: what goes wrong with it costs the others nothing. An error that nobody
    foresaw is said as such.
    """
    try:
        return call(*arguments, **options)
    except UserError as error:
        return error
    except Exception as error:
        wrapped = UserError(f"An error of the companion's own: {type(error).__name__}: {error}")
        wrapped.__cause__ = error
        return wrapped
