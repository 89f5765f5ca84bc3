"""Seeding: each training begins as if nothing had been trained before it."""

from numbers import Integral
from typing import Any

from companion.errors import UserError


def check_seed(seed: Any) -> None:
    """Say so if a seed is none that NumPy and Keras's backends take.

    Raises:
        UserError: If it is no whole number from 0 to 2³² − 1.
    """
    if not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise UserError(f"A seed is a whole number from 0 to 4294967295. Received: seed={seed!r}.")


def fresh_start(seed: int) -> None:
    """Forget all Keras models and set the seeds of Python, NumPy and Keras's backend.

    Without forgetting, the generators of dropout layers made earlier would go on counting.
    """
    import keras  # here, so that a study can be listed without Keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
