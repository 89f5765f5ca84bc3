"""What runs answers, as the judge sees it: it takes requests, and it can be lost."""

from collections.abc import Callable, Sequence
from typing import Protocol

from companion.checking.authoring.codec import Header


class LostError(Exception):
    """What ran answers is gone, or is not to be listened to any more.

    Attributes:
        reason: ``timeout``, ``memory``, ``crash`` (it died) or ``forged`` (it sent no frame).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Runner(Protocol):
    """Something that runs answers: a process shut in (`isolation`), or this very one."""

    @property
    def keras(self) -> bool:
        """Whether Keras is loaded there."""

    def ready(self) -> str:
        """Wait until requests can be taken, and return the isolation in words."""

    def ask(
        self, header: Header, blobs: Sequence[bytes] = (), *, limit: float
    ) -> tuple[Header, bytes]:
        """Send a request and return the reply, or raise `LostError` after `limit` seconds."""

    def end(self) -> None:
        """Leave nothing of the answers behind."""


# Given whether Keras is to be loaded, it starts a runner, or raises `LostError`.
Start = Callable[[bool], Runner]
