"""Models on the judge's side: received descriptions are rebuilt and run where no answer ever was.

A process like those that answers run in, shut in and bounded in the same way, with Keras and
without any learner's code. It serves one learner after the other, and is replaced when it is lost.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from companion.checking.authoring.cases import Array, Outcome, Returned
from companion.checking.authoring.codec import decode, encode
from companion.checking.authoring.models import ModelCase
from companion.checking.judging.runner import LostError, Runner, Start


@dataclass(slots=True)
class Models:
    """Computes what models that were received compute.

    Args:
        start: Starts its process.
    """

    start: Start
    _worker: Runner | None = None

    def warm(self) -> None:
        """Start the process, so that it is ready when a model comes.

        Raises:
            LostError: If the system does not let it start.
        """
        if self._worker is None:
            self._worker = self.start(True)

    def ready(self) -> None:
        """Wait until the process can take a model.

        Raises:
            LostError: If it does not come up.
        """
        self.warm()
        assert self._worker is not None
        self._worker.ready()

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def completed(self, case: ModelCase, outcome: Outcome, end: float) -> Outcome:
        """Return an outcome with what its model computes; `end` is when it must be there.

        Raises:
            LostError: If the model takes too much time or memory.
        """
        if not (isinstance(outcome, Returned) and isinstance(outcome.value, dict)):
            return outcome

        def measure(graph: str, inputs: Sequence[Array], seed: int, order: int) -> dict[str, Any]:
            return self._measured([graph, list(inputs), seed, order], end)

        if not any(isinstance(outcome.value.get(key), str) for key in ("graph", "hidden")):
            raise LostError("forged", "There is no graph.")
        return replace(outcome, value=case.completed(outcome.value, measure))

    def _measured(self, arguments: list[Any], end: float) -> dict[str, Any]:
        self.ready()
        assert self._worker is not None
        blobs: list[bytes] = []
        header = {"ask": "measure", "arguments": encode(arguments, blobs)}
        try:
            reply, payload = self._worker.ask(header, blobs, limit=end - time.perf_counter())
        except LostError:
            self.close()
            raise
        if "raised" in reply:
            raise ValueError(str(reply.get("message"))[:300])
        outputs: dict[str, Any] = decode(reply["value"], payload)
        return outputs
