"""Model exercises: the answer builds a Keras model, which is compared layer by layer and run."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from companion.checking.authoring.architecture import model_difference, table
from companion.checking.authoring.cases import Array, Case
from companion.checking.authoring.codec import copied
from companion.checking.authoring.description import built
from companion.checking.authoring.exercise import Exercise
from companion.checking.authoring.mistakes import Function

MAX_MODEL_BYTES = 32 << 20


class ModelCase(Case):
    """A case of a model exercise: two descriptions of models are compared, and their outputs."""

    def comparable(self, value: Any) -> Any:
        """Return a model's description, and its outputs under this case's weights."""
        return copied(built(value, self.weights, self.inputs))

    def difference(self, expected: Any, received: Any) -> str | None:
        """Return a sentence on what sets two models apart, or None if nothing does."""
        return model_difference(expected, received, rtol=self.rtol, atol=self.atol)

    def shown(self, received: Any) -> list[str]:
        """Return the two models side by side."""
        return [table(self.expected, received)]


class ModelExercise(Exercise):
    """An exercise whose answer builds a Keras model."""

    builds_model: ClassVar[bool] = True

    def draw(self, seed: int) -> list[tuple[Any, ...]]:
        """Return the arguments to build with: none at all where the author gave no cases."""
        return [()] if self._cases is None else super().draw(seed)

    def case(self, values: Sequence[Any], seed: int) -> ModelCase:
        """Return the case that drawn arguments make, with weights and inputs to run models with."""
        bound = self.bind(values)
        arguments, keywords = copy.deepcopy((bound["arguments"], bound["keywords"]))
        model = self.reference(*arguments, **keywords)
        rng = np.random.default_rng(seed)
        weights, inputs = draw_weights(model, rng), draw_inputs(model, rng)
        if sum(array.nbytes for array in [*weights, *inputs]) > MAX_MODEL_BYTES:
            weights, inputs = [], []  # compared by its description alone
        expected = copied(built(model, weights, inputs))
        return ModelCase(**bound, expected=expected, weights=weights, inputs=inputs)


def model_exercise(
    points: float = 1, *, rtol: float = 1e-4, atol: float = 1e-5
) -> Callable[[Function], ModelExercise]:
    """Make the decorated builder of a Keras model the reference of an exercise.

    Args:
        points: What a right answer earns.
        rtol: Relative tolerance on the outputs under the same weights.
        atol: Absolute tolerance on them.
    """
    return lambda reference: ModelExercise(reference, points=points, rtol=rtol, atol=atol)


def draw_weights(model: Any, rng: np.random.Generator) -> list[Array]:
    """Return weights for a model: small, different everywhere, variances positive."""
    drawn = []
    for weight in model.weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        value = rng.normal(size=tuple(weight.shape)) / np.sqrt(fan_in)
        drawn.append((abs(value) + 0.5 if "variance" in weight.name else value).astype("float32"))
    return drawn


def draw_inputs(model: Any, rng: np.random.Generator) -> list[Array]:
    """Return a batch of two for each input of a model; an unknown length becomes 12, 32 in images.

    Numbers of words are drawn where an embedding looks them up.
    """
    words = [int(layer.input_dim) for layer in model.layers if hasattr(layer, "input_dim")]
    drawn = []
    for tensor in model.inputs:
        unknown = 32 if len(tensor.shape) >= 4 else 12
        shape = (2, *(unknown if size is None else size for size in tensor.shape[1:]))
        value = rng.integers(0, min(words), shape) if words else rng.normal(size=shape)
        drawn.append(value.astype(tensor.dtype))
    return drawn
