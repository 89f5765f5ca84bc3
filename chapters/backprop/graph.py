"""Computational graphs: numbers flow to the right, gradients back to the left.

A computational graph is a table: each node has a name, a building block, and the names of what goes
into it (COMP7015 lecture 8, "Building blocks"):

>>> graph = Graph({"margin": ("·", "w", "x"), "short": ("−", "1", "margin"),
...                "loss": ("max", "short", "0")})
>>> float(graph.forward(w=0.5, x=2.5)["loss"]), float(graph.backward()["w"])
(0.0, 0.0)
>>> float(graph.forward(w=0.5, x=1.0)["loss"]), float(graph.backward()["w"])
(0.5, -1.0)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import UserError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Block:
    """A building block: a function, and how its output moves with each of its inputs.

    Attributes:
        arity: How many inputs it takes.
        value: The output, from the inputs.
        slopes: From the inputs and the output, the derivative along each input, element by element
            (what the lecture writes on the edges).
    """

    arity: int
    value: Callable[..., Array]
    slopes: Callable[..., tuple[ArrayLike, ...]]


# The lecture's five. Σ adds up the elements of an array: a dot product is Σ over a product.
BLOCKS = {
    "+": Block(2, lambda a, b: a + b, lambda a, b, out: (1, 1)),
    "−": Block(2, lambda a, b: a - b, lambda a, b, out: (1, -1)),
    "·": Block(2, lambda a, b: a * b, lambda a, b, out: (b, a)),
    "max": Block(2, np.maximum, lambda a, b, out: (1.0 * (a > b), 1.0 * (a < b))),
    "σ": Block(1, lambda a: np.exp(-np.logaddexp(0, -a)), lambda a, out: (out * (1 - out),)),
    "Σ": Block(1, np.sum, lambda a, out: (np.ones_like(a),)),
}
"""The building blocks, by the sign that stands for each in an expression."""


class Graph:
    """A computational graph, given as a table: name → (block, name, …), in any order.

    A name that no row defines is an input; one that reads as a number is that number. The output of
    a node may be used by several others: their gradients are added.

    Args:
        table: The nodes; the last row is the graph's output.

    Attributes:
        values: The forward value of each node, once `forward` has run.
        slopes: Of each edge (node, place among its inputs), once `backward` has run.
        gradients: The backward value of each node, likewise.

    Raises:
        UserError: If a block is unknown or takes another number of inputs, or the graph runs in a
            circle. The node is named.
    """

    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self.table = dict(table)
        for node, (block, *names) in self.table.items():
            if block not in BLOCKS:
                known = " ".join(BLOCKS)
                raise UserError(f"{node}: a block is one of {known}. Received: {block!r}.")
            if len(names) != BLOCKS[block].arity:
                raise UserError(
                    f"{node}: {block} takes {BLOCKS[block].arity} inputs. "
                    f"Received: {', '.join(names) or 'none'}."
                )
        try:
            edges = {node: names for node, (_, *names) in self.table.items()}
            self.order = tuple(TopologicalSorter(edges).static_order())
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise UserError(f"The graph runs in a circle: {circle}. Cut it at one node.") from None
        self.values: dict[str, Array] = {}
        self.slopes: dict[tuple[str, int], Array] = {}
        self.gradients: dict[str, Array] = {}

    def forward(self, **inputs: ArrayLike) -> dict[str, Array]:
        """Compute every node from the leaves to the root, and return the values by name.

        Args:
            inputs: A number or an array for each input.

        Raises:
            UserError: If an input is missing or none of the graph's, or the shapes that meet at a
                node differ.
        """
        for name in inputs:
            if name in self.table or name not in self.order:
                known = ", ".join(leaf for leaf in self.order if leaf not in self.table)
                raise UserError(f"{name} is no input of this graph. Its inputs: {known}.")
        self.values = {name: np.asarray(value, float) for name, value in inputs.items()}
        for node in self.order:
            if node not in self.table:
                if node not in self.values:
                    self.values[node] = self._number(node)
                continue
            block, *names = self.table[node]
            given = [self.values[name] for name in names]
            if len({value.shape for value in given} - {()}) > 1:
                met = ", ".join(f"{name} {self.values[name].shape}" for name in names)
                raise UserError(f"{node}: shapes differ: {met}. A number fits every shape.")
            self.values[node] = np.asarray(BLOCKS[block].value(*given))
        return dict(self.values)

    def backward(self, output: str = "") -> dict[str, Array]:
        """Return ∂output/∂node for every node, from the root to the leaves.

        Each node hands what arrives at it on to its inputs, times the slope on the edge (the chain
        rule); what arrives along several edges is added.

        Args:
            output: The node to differentiate, by default the last row; where it is an array, the
                sum of its elements.

        Raises:
            UserError: If there are no forward values yet, or no such node.
        """
        output = output or next(reversed(self.table))
        if output not in self.values:
            raise UserError(f"{output} has no forward value: run forward(…) first.")
        self.gradients = {node: np.zeros_like(value) for node, value in self.values.items()}
        self.gradients[output] += 1
        for node in reversed(self.order):
            block, *names = self.table.get(node, ("",))
            given = [self.values[name] for name in names]
            slopes = BLOCKS[block].slopes(*given, self.values[node]) if names else ()
            for index, (name, slope) in enumerate(zip(names, slopes, strict=True)):
                self.slopes[node, index] = np.asarray(slope, float)
                # ∂out/∂in += ∂out/∂node · ∂node/∂in
                sent = self.gradients[node] * np.asarray(slope)
                # A number that stood beside an array was used at each of its elements.
                self.gradients[name] += sent.sum() if sent.ndim > given[index].ndim else sent
        return dict(self.gradients)

    def report(self, digits: int = 6) -> str:
        """Return one table of both passes: every node, its forward and its backward value."""
        shown = lambda value: np.array2string(np.round(value + 0.0, digits), separator=", ")  # noqa: E731
        rows = [("node", "made by", "forward", "backward")]
        for node in self.order:
            block, *names = self.table.get(node, ("input",))
            made = f"{block} {', '.join(names)}".strip()
            rows.append((node, made, shown(self.values[node]), shown(self.gradients[node])))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def _number(self, name: str) -> Array:
        try:
            return np.asarray(float(name))
        except ValueError:
            users = [node for node, (_, *names) in self.table.items() if name in names]
            raise UserError(
                f"{name}, which {' and '.join(users)} need, has no value: "
                f"give forward({name}=…), or a row of its own."
            ) from None
