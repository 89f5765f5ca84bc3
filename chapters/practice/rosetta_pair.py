"""A pair of the dictionary: one idiom, in PyTorch and in Keras."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """One idiom, twice.

    Attributes:
        name: What the page calls it by.
        pytorch: The column in PyTorch.
        keras: The column in Keras.
        same: The variables that are the same in both columns.
        tolerance: How far they may lie apart, absolutely and as a share.
        flattened: As `weights.carry_to_keras` takes it, in pairs that build a model.
    """

    name: str
    pytorch: str
    keras: str
    same: tuple[str, ...]
    tolerance: float = 1e-5
    flattened: tuple[tuple[int, tuple[int, int, int]], ...] = ()
