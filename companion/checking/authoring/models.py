"""Model exercises: the answer builds a Keras model; what counts is what that computes."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from companion.checking.authoring.architecture import model_difference, order_remark, table
from companion.checking.authoring.cases import Array, Case
from companion.checking.authoring.codec import copied
from companion.checking.authoring.description import described
from companion.checking.authoring.exercise import Exercise
from companion.checking.authoring.graph import Graph, layers_of, parameters_of, read_graph
from companion.checking.authoring.mistakes import Function
from companion.checking.authoring.rebuilding import MAX_ORDERS, measured

MAX_PARAMETERS = 8 << 20
# Every example has another size: what is clipped shows in large numbers, what is bent in small.
SCALES = (1.0, 1.0, 0.1, 30.0)
UNTOLD = ("names", "starts", "orders", "masked")

Measure = Callable[[str, Sequence[Array], int, int], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ModelCase(Case):
    """A case of a model exercise: what two models compute is compared, and how they are built.

    Attributes:
        inputs: A batch for each input, to run models on.
        shapes: Shape and dtype of each input, to call a subclass with.
        seed: What weights are drawn from.
    """

    inputs: Sequence[Array] = ()
    shapes: Sequence[Any] = ()
    seed: int = 0

    def comparable(self, value: Any) -> Any:
        """Return a model's description, with what it computes."""
        return self.completed(described(value, self.shapes), measured)

    def completed(self, description: dict[str, Any], measure: Measure) -> dict[str, Any]:
        """Return a description with what its model computes.

        Where equal layers stand side by side, any of them may be the one that the reference has
        first: the order of weights that agrees with it is taken, if there is one.

        Args:
            description: A description of a model (`described`).
            measure: Computes it: `measured`, or the same in another process.
        """
        if "hidden" in description:
            return {"hidden": description["hidden"]}
        only = {"graph": description["graph"]}  # whatever else came with it
        first = None
        for order in range(MAX_ORDERS if self.inputs else 0):
            try:
                measured = copied(measure(only["graph"], self.inputs, self.seed, order))
            except ValueError as error:
                return {**only, "refused": str(error)[:300]}
            result = {**only, "measured": measured}
            if not self.expected or self.difference(self.expected, result) is None:
                return result
            first = first or result
            if order + 1 >= measured["orders"]:
                break
        return first or only

    def compact(self, value: Any) -> Any:
        """Return a description as it is: it is read as a whole."""
        return value

    def difference(self, expected: Any, received: Any) -> str | None:
        """Return a sentence on what sets two models apart, or None if nothing does."""
        return model_difference(expected, received, rtol=self.rtol, atol=self.atol)

    def computed(self, value: Any) -> Any:
        """Return what a model computes but for its names and random starts, or what is said of it.

        Names of layers and random numbers tell two models apart that make the same mistake.
        """
        if not isinstance(value, dict) or "measured" not in value:
            return self.difference(self.expected, value)
        compared = {key: one for key, one in value["measured"].items() if key not in UNTOLD}
        random, mean = value["measured"]["starts"].T[:2]
        return {**compared, "starts": np.where(random, 0, mean), "random": random}

    def remark(self, received: Any) -> str:
        """Return where a layer stands at another place, and does no harm there."""
        return order_remark(self.expected, received)

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
        """Return the case that drawn arguments make, with inputs to run models on."""
        bound = self.bind(values)
        arguments, keywords = copy.deepcopy((bound["arguments"], bound["keywords"]))
        description = described(self.reference(*arguments, **keywords))
        if "hidden" in description:
            raise TypeError(description["hidden"])
        graph = read_graph(description)
        # One that is too large to be run, or has parts of its author's own, is compared by layers.
        small = parameters_of(graph) <= MAX_PARAMETERS
        inputs = draw_inputs(graph, np.random.default_rng(seed)) if small else []
        case = ModelCase(**bound, expected=None, inputs=inputs, shapes=graph["inputs"], seed=seed)
        expected = case.completed(description, measured)
        inputs = inputs if "measured" in expected else []
        return dataclasses.replace(case, expected=expected, inputs=inputs)


def model_exercise(
    points: float = 1, *, rtol: float = 1e-6, atol: float = 1e-9
) -> Callable[[Function], ModelExercise]:
    """Make the decorated builder of a Keras model the reference of an exercise.

    Args:
        points: What a right answer earns.
        rtol: Relative tolerance on the outputs under the same weights, which are in float64.
        atol: Absolute tolerance on them.
    """
    return lambda reference: ModelExercise(reference, points=points, rtol=rtol, atol=atol)


def draw_inputs(graph: Graph, rng: np.random.Generator) -> list[Array]:
    """Return a batch for each input of a model; an unknown length becomes 8, 32 in images.

    The second example ends in padding, as a mask of the model has it. Numbers of words are drawn
    where an embedding looks them up.
    """
    words = [layer["config"]["input_dim"] for layer in layers_of(graph, "Embedding")]
    masks = [layer["config"]["mask_value"] for layer in layers_of(graph, "Masking")]
    drawn = []
    for shape, dtype in graph["inputs"]:
        unknown = 32 if len(shape) >= 3 else 8
        sizes = [unknown if size is None else size for size in shape]
        is_integer = bool(words) or "int" in dtype
        batch = (len(SCALES), *sizes)
        value = np.asarray(
            rng.integers(0, min(words, default=10), batch)
            if is_integer
            else rng.normal(size=batch) * np.reshape(SCALES, (-1, *[1] * len(sizes)))
        )
        if words or len(sizes) > 1:
            value[1, -(-3 * sizes[0] // 4) :] = 0 if is_integer or not masks else masks[0]
        drawn.append(value.astype(dtype))
    return drawn
