"""Exercises on backprop: an edge, a graph, a layer, a step of training, and the proof of it."""

import numpy as np

from companion.checking import exercise

# One block ---------------------------------------------------------------------------------------


@exercise()
def block_gradients(block, a, b, upstream):
    """Return what a building block hands back to its two inputs, by the chain rule.

    Args:
        block: ``"+"``, ``"-"``, ``"*"`` or ``"max"``; the block computes a + b, a − b, a · b or
            max(a, b).
        a: The first input.
        b: The second input; never equal to a.
        upstream: What arrives at the block's output: ∂loss/∂output.

    Returns:
        The pair (∂loss/∂a, ∂loss/∂b).
    """
    slopes = {"+": (1, 1), "-": (1, -1), "*": (b, a), "max": (a > b, a < b)}[block]
    return float(upstream * slopes[0]), float(upstream * slopes[1])


@block_gradients.cases
def _(rng):
    yield "max", 3.0, 2.0, 5.0
    yield "*", 3.0, 2.0, 5.0
    for block in ("+", "-", "*", "max"):
        for a, b, upstream in rng.normal(size=(2, 3)).round(2):
            yield block, float(a), float(b) + 0.005, float(upstream)


block_gradients.hints(
    "Move a by a hair: by how many hairs does the block's output move?",
    "The lecture writes these slopes on the edges. The chain rule multiplies by what arrives.",
    "A maximum listens to one of its inputs only. To which?",
)


def with_slopes(block, a, b, upstream, **changed):
    """Return what is handed back where the slopes of some blocks are other than they should be."""
    slopes = {"plus": (1, 1), "minus": (1, -1), "times": (b, a), "max": (a > b, a < b)} | changed
    first, second = slopes[{"+": "plus", "-": "minus", "*": "times", "max": "max"}[block]]
    return float(upstream * first), float(upstream * second)


block_gradients.mistakes(
    "You sent the gradient of `max` to both inputs: only the larger one moved the output.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, max=(1, 1)),
    "You sent the gradient of `max` to the smaller input: the larger one moved the output.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, max=(a < b, a > b)),
    "You shared the gradient of `max` out by halves: the larger input gets all of it.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, max=(0.5, 0.5)),
    "You multiplied by the input's own value: in a · b the slope along a is b.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, times=(a, b)),
    "You lost the minus: a − b falls as b grows.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, minus=(1, 1)),
    "You left out what arrives: the chain rule multiplies each slope by it.",
    lambda block, a, b, upstream: with_slopes(block, a, b, 1.0),
    "You added what arrives to the slope: the chain rule multiplies.",
    lambda block, a, b, upstream: tuple(
        slope + upstream for slope in with_slopes(block, a, b, 1.0)
    ),
    "You multiplied by the inputs at a sum: in a + b both slopes are 1.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, plus=(a, b)),
    "You turned the signs of a − b round: it rises as a grows, and falls as b grows.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, minus=(-1, 1)),
    "You gave the value of `max`: its slope along the larger input is 1.",
    lambda block, a, b, upstream: with_slopes(
        block, a, b, upstream, max=(a * (a > b), b * (a < b))
    ),
    "You shared a sum's gradient out by halves: each input gets all of it.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, plus=(0.5, 0.5)),
    "You multiplied by the other input at a sum: in a + b both slopes are 1.",
    lambda block, a, b, upstream: with_slopes(block, a, b, upstream, plus=(b, a)),
)


@block_gradients.mistake("You shared the gradient out: a sum hands all of it to both inputs.")
def _(block, a, b, upstream):
    return block_gradients(block, a, b, upstream / 2 if block in "+-" else upstream)


@block_gradients.mistake("You multiplied by the product a · b: its slope along a is b.")
def _(block, a, b, upstream):
    if block == "*":
        return upstream * a * b, upstream * a * b
    return block_gradients(block, a, b, upstream)


@exercise()
def sigmoid_backward(upstream, a):
    """Return ∂loss/∂z for a layer of sigmoids that answered `a`, without computing it again.

    Args:
        upstream: ∂loss/∂a, any shape.
        a: What the sigmoids answered, a = σ(z), in the same shape.

    Returns:
        The same shape.
    """
    return upstream * a * (1 - a)


@sigmoid_backward.cases
def _(rng):
    yield np.array([2.0, 1.0]), np.array([0.5, 0.9])
    for shape in ((4,), (3, 2)):
        yield rng.normal(size=shape), rng.uniform(0.05, 0.95, size=shape)


sigmoid_backward.hints(
    "The derivative of σ at z is σ(z)(1 − σ(z)). Which of these do you have already?",
    "What comes back is the slope times what arrives, element by element.",
)


def squash(z):
    """Return the sigmoid."""
    return 1 / (1 + np.exp(-z))


sigmoid_backward.mistakes(
    "You took the sigmoid once more: `a` is already σ(z).",
    lambda upstream, a: upstream * squash(a) * (1 - squash(a)),
    "You put a into e^−z, which wants z: with a at hand the slope is a(1 − a).",
    lambda upstream, a: upstream * np.exp(-a) * a**2,
    "You left out the factor 1 − a: the slope is a(1 − a).",
    lambda upstream, a: upstream * a,
    "You left out the factor a: the slope is a(1 − a).",
    lambda upstream, a: upstream * (1 - a),
    "You left out what arrives: the chain rule multiplies the slope by it.",
    lambda upstream, a: a * (1 - a),
    "You left out the derivative: what arrives is multiplied by the slope a(1 − a).",
    lambda upstream, a: upstream.copy(),
    "You took the derivative of tanh, 1 − a²: here the units are sigmoids.",
    lambda upstream, a: upstream * (1 - a**2),
)


# A graph -----------------------------------------------------------------------------------------


@exercise(points=3)
def graph_gradients(rows, values, output):
    """Return ∂output/∂node for every node of a computational graph.

    Args:
        rows: The graph, in any order: for each node that is computed ``(name, block, left,
            right)``, where block is ``"+"``, ``"-"`` or ``"*"``, and left and right are names.
        values: The forward value of every node and every input, by name.
        output: The name of the node to differentiate.

    Returns:
        A dict from the name of every node and every input to its gradient, a float; 0.0 where the
        output does not depend on it.
    """
    gradients = dict.fromkeys(values, 0.0) | {output: 1.0}
    waiting = [tuple(row) for row in rows]
    while waiting:
        # A node is ready once nobody who uses it is waiting.
        used = {name for _, _, *inputs in waiting for name in inputs}
        for row in [row for row in waiting if row[0] not in used]:
            node, block, left, right = row
            slopes = {"+": (1, 1), "-": (1, -1), "*": (values[right], values[left])}[block]
            gradients[left] += gradients[node] * slopes[0]
            gradients[right] += gradients[node] * slopes[1]
            waiting.remove(row)
    return {name: float(gradient) for name, gradient in gradients.items()}


def valued(rows, **inputs):
    """Return a graph whose rows stand in the order of computing, and the value of every node."""
    values = {name: float(value) for name, value in inputs.items()}
    for node, block, left, right in rows:
        a, b = values[left], values[right]
        values[node] = {"+": a + b, "-": a - b, "*": a * b}[block]
    return values


@graph_gradients.cases
def _(rng):
    # The output first, then what it is made of, which here is not the order to walk it in.
    square = [("d", "-", "x", "y"), ("s", "+", "x", "d"), ("out", "*", "d", "s")]
    values = valued(square, x=3, y=1)
    yield [square[0], square[2], square[1]], values, "out"
    for number in (1, 2, 3):
        drawn = {name: rng.normal() for name in "wxyb"}
        net = [
            ("m", "*", "w", "x"),
            ("h", "+", "m", "b"),
            ("r", "-", "h", "y"),
            ("q", "*", "r", "r"),
            ("p", "*", "w", "h"),
            ("out", "-", "q", "p"),
            ("aside", "+", "y", "b"),
        ]
        values = valued(net, **drawn)
        # The last one asks for a node within, while two that nobody uses stand before it.
        asked = "r" if number == 3 else "out"
        yield (
            [net[place] for place in (2, 5, 0, 3, 6, 1, 4)][:: -1 if number == 2 else 1],
            values,
            asked,
        )


graph_gradients.hints(
    "The output's gradient for itself is 1, and all others begin at 0.",
    "A node may hand its gradient on once it has been given all of it: when is that?",
    "A node that is used twice is given two parts. What do you do with the second one?",
)


def walked(rows, values, output, order, *, add=True, own=False, chain=True, twice=True, first=0.0):
    """Return the gradients of a walk over the rows, which may be wrong in one way or another."""
    gradients = dict.fromkeys(values, first) | {output: 1.0}
    for node, block, left, right in order(rows):
        factors = (values[left], values[right]) if own else (values[right], values[left])
        slopes = {"+": (1, 1), "-": (1, -1), "*": factors}[block]
        arrives = gradients[node] if chain else 1.0
        for name, slope in list(zip((left, right), slopes, strict=True))[
            : 1 + (twice or left != right)
        ]:
            gradients[name] = arrives * slope + (gradients[name] if add else 0.0)
    return {name: float(gradient) for name, gradient in gradients.items()}


def from_the_output(rows):
    """Return the rows in the order of the way back."""
    ordered, waiting = [], [tuple(row) for row in rows]
    while waiting:
        used = {name for _, _, *inputs in waiting for name in inputs}
        ready = [row for row in waiting if row[0] not in used]
        ordered += ready
        waiting = [row for row in waiting if row not in ready]
    return ordered


graph_gradients.mistakes(
    "You began every gradient at 1: only that of the output is 1, the others begin at 0.",
    lambda rows, values, output: walked(rows, values, output, from_the_output, first=1.0),
    "You kept the last part (= for +=): a node that is used twice adds up both parts.",
    lambda rows, values, output: walked(rows, values, output, from_the_output, add=False),
    "You walked the rows as they are listed: a node hands on once all its users have.",
    lambda rows, values, output: walked(rows, values, output, list),
    "You walked the rows backwards as they are listed: a node hands on once all its users have.",
    lambda rows, values, output: walked(rows, values, output, lambda rows: rows[::-1]),
    "You walked from the inputs to the output: gradients flow back from the output.",
    lambda rows, values, output: walked(
        rows, values, output, lambda rows: from_the_output(rows)[::-1]
    ),
    "You lost the minus of a − b: it falls as b grows.",
    lambda rows, values, output: walked(
        [(n, "+", a, b) if block == "-" else (n, block, a, b) for n, block, a, b in rows],
        values,
        output,
        from_the_output,
    ),
    "You left the output's own gradient at 0: it is 1, everything begins there.",
    lambda rows, values, output: dict.fromkeys(values, 0.0),
    "Every gradient is twice what it should be: the output's own is 1, each part is added once.",
    lambda rows, values, output: {
        name: 2 * gradient for name, gradient in graph_gradients(rows, values, output).items()
    },
    "You multiplied by the input's own value: in a · b the slope along a is b.",
    lambda rows, values, output: walked(rows, values, output, from_the_output, own=True),
    "You left out what the output does not depend on: its gradient is 0.0, and is asked for, too.",
    lambda rows, values, output: {
        name: gradient
        for name, gradient in graph_gradients(rows, values, output).items()
        if gradient
    },
    "You gave the gradients of the inputs alone: those of the nodes between belong in the dict.",
    lambda rows, values, output: {
        name: gradient
        for name, gradient in graph_gradients(rows, values, output).items()
        if name not in {row[0] for row in rows}
    },
    "You gave the gradients of the nodes alone: those of the inputs belong in the dict.",
    lambda rows, values, output: {
        name: gradient
        for name, gradient in graph_gradients(rows, values, output).items()
        if name in {row[0] for row in rows}
    },
    "You began with the output's value: its gradient for itself is 1.",
    lambda rows, values, output: {
        name: values[output] * gradient
        for name, gradient in graph_gradients(rows, values, output).items()
    },
    "You left out what arrives at a node: the chain rule multiplies each slope by it.",
    lambda rows, values, output: walked(rows, values, output, from_the_output, chain=False),
    "You counted a node that is used twice by one block once: each use adds its part.",
    lambda rows, values, output: walked(rows, values, output, from_the_output, twice=False),
)


@exercise()
def hinge_gradient(w, features, y):
    """Return the gradient for w of the hinge loss max(1 − (w · φ) y, 0).

    Args:
        w: Shape ``(n,)``.
        features: φ(x), shape ``(n,)``.
        y: −1 or 1.

    Returns:
        Shape ``(n,)``; zeros where the margin is 1 or more.
    """
    return -features * y * (np.dot(w, features) * y < 1)


@hinge_gradient.cases
def _(rng):
    yield np.array([1.0, 0.5]), np.array([1.0, -1.0]), 1
    yield np.array([2.0, 0.0]), np.array([1.0, 3.0]), 1
    yield np.array([2.0, 0.0]), np.array([1.0, 3.0]), -1
    yield np.array([1.0, 1.0]), np.array([0.5, 0.5]), 1
    for y in (-1, 1, -1, 1):
        yield rng.normal(size=3), rng.normal(size=3), y


hinge_gradient.hints(
    "Draw the graph: margin = (w · φ) y, then 1 − margin, then max with 0.",
    "Multiply the edges on the way back: 1[margin < 1], then −1, then y, then φ.",
)

hinge_gradient.mistakes(
    "You left the indicator out: beyond margin 1 the loss is flat, and its gradient 0.",
    lambda w, features, y: -features * y,
    "You tested the margin against 0: an answer that is right, but by less than 1, still pays.",
    lambda w, features, y: -features * y * (np.dot(w, features) * y < 0),
    "You tested w · φ without y: for y = −1 the margin has the other sign.",
    lambda w, features, y: -features * y * (np.dot(w, features) < 1),
    "You lost the minus: the loss falls as the margin grows.",
    lambda w, features, y: features * y * (np.dot(w, features) * y < 1),
    "You left y out: the margin is (w · φ) y.",
    lambda w, features, y: -features * (np.dot(w, features) * y < 1),
    "You multiplied by w: the slope of w · φ along w is φ.",
    lambda w, features, y: -w * y * (np.dot(w, features) * y < 1),
    "You counted a margin of exactly 1 as too small: there the loss is 0 already.",
    lambda w, features, y: -features * y * (np.dot(w, features) * y <= 1),
    "You turned the condition round: the loss pays where the margin is below 1.",
    lambda w, features, y: -features * y * (np.dot(w, features) * y >= 1),
    "You gave the loss: its gradient for w is asked for, a number for each weight.",
    lambda w, features, y: float(max(1 - np.dot(w, features) * y, 0)),
    "You multiplied by the loss, as for its square: where it pays, the slope is −φ y.",
    lambda w, features, y: -features * y * max(1 - np.dot(w, features) * y, 0),
    "You moved w by the gradient: it is asked for by itself.",
    lambda w, features, y: w + features * y * (np.dot(w, features) * y < 1),
    "You gave one number: each weight has a slope of its own, −φ y.",
    lambda w, features, y: float(-y * (np.dot(w, features) * y < 1)),
)


# A layer -----------------------------------------------------------------------------------------


@exercise(points=2)
def dense_backward(upstream, x, weights):
    """Send a gradient back through a fully connected layer z = x W + b, for a whole batch.

    Args:
        upstream: δ = ∂loss/∂z, shape ``(batch, outputs)``. The loss is a mean over the batch, and
            its 1/batch is already in it.
        x: What went in, shape ``(batch, inputs)``.
        weights: W, shape ``(inputs, outputs)``.

    Returns:
        The three gradients: for W, shape ``(inputs, outputs)``; for b, shape ``(outputs,)``; for
        x, shape ``(batch, inputs)``.
    """
    return x.T @ upstream, upstream.sum(axis=0), upstream @ weights.T


@dense_backward.cases
def _(rng):
    # Square, so that a transposed matrix fits as well and shows in the numbers alone.
    yield np.array([[1.0, 0], [2, 1]]), np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 3], [0, 2]])
    for size in (3, 4):
        yield tuple(rng.normal(size=(size, size)) for _ in range(3))


dense_backward.hints(
    "Write one number out: z = Σ x(n, i) W(i, j) + b(j). What is its slope along W(i, j)?",
    "A weight is used by every example of the batch, and so is a bias: their parts add up.",
    "Shapes are a check: which product of `upstream` and `weights` has the shape of x?",
)

dense_backward.mistakes(
    "You forgot to transpose W: the way back crosses it from its outputs to its inputs.",
    lambda upstream, x, weights: (x.T @ upstream, upstream.sum(axis=0), upstream @ weights),
    "You forgot to transpose x: its rows are examples, and the sum runs over them.",
    lambda upstream, x, weights: (x @ upstream, upstream.sum(axis=0), upstream @ weights.T),
    "You transposed the gradient for W: it has W's shape, inputs down and outputs across.",
    lambda upstream, x, weights: (upstream.T @ x, upstream.sum(axis=0), upstream @ weights.T),
    "You did not sum the bias's gradient over the batch: one bias serves all examples.",
    lambda upstream, x, weights: (x.T @ upstream, upstream.copy(), upstream @ weights.T),
    "You summed the bias's gradient over the outputs: each output has a bias of its own.",
    lambda upstream, x, weights: (x.T @ upstream, upstream.sum(axis=1), upstream @ weights.T),
    "You took the bias's mean over the batch: the parts add up, the 1/batch is in δ.",
    lambda upstream, x, weights: (x.T @ upstream, upstream.mean(axis=0), upstream @ weights.T),
    "You divided by the batch once more: its 1/batch is in δ already.",
    lambda upstream, x, weights: (
        x.T @ upstream / len(x),
        upstream.sum(axis=0) / len(x),
        upstream @ weights.T,
    ),
    "You changed the order of the product for x: examples are rows, so δ stands first.",
    lambda upstream, x, weights: (x.T @ upstream, upstream.sum(axis=0), weights.T @ upstream),
    "You multiplied by a ReLU's slope: this layer has no activation.",
    lambda upstream, x, weights: (
        x.T @ upstream,
        upstream.sum(axis=0),
        upstream @ weights.T * (x > 0),
    ),
    "You kept the last example's gradients of W and b: those of all examples add up.",
    lambda upstream, x, weights: (
        np.outer(x[-1], upstream[-1]),
        upstream[-1].copy(),
        upstream @ weights.T,
    ),
)


@exercise(points=2)
def hidden_delta(delta, weights, z):
    """Return δ of a layer of tanh units from δ of the layer above it.

    Args:
        delta: ∂loss/∂z of the layer above, shape ``(batch, above)``.
        weights: From this layer to the one above, shape ``(units, above)``.
        z: This layer's pre-activations, before its tanh, shape ``(batch, units)``.

    Returns:
        ∂loss/∂z of this layer, shape ``(batch, units)``.
    """
    return delta @ weights.T * (1 - np.tanh(z) ** 2)


@hidden_delta.cases
def _(rng):
    yield np.array([[1.0, -1.0]]), np.array([[2.0, 1.0], [0.5, 3.0]]), np.array([[0.0, 1.0]])
    for batch, size in ((3, 3), (5, 2)):
        yield (
            rng.normal(size=(batch, size)),
            rng.normal(size=(size, size)),
            rng.normal(size=(batch, size)),
        )


hidden_delta.hints(
    "First cross the weights: how much of the loss is each unit's activation responsible for?",
    "Then cross the activation: multiply by the slope of tanh at this layer's z.",
)

hidden_delta.mistakes(
    "You left out the activation's derivative: after the weights, multiply by tanh′(z).",
    lambda delta, weights, z: delta @ weights.T,
    "You took the derivative at the activation: tanh′ belongs at z, the pre-activation.",
    lambda delta, weights, z: delta @ weights.T * (1 - np.tanh(np.tanh(z)) ** 2),
    "You wrote 1 − z²: the derivative of tanh is 1 − a², where a = tanh(z).",
    lambda delta, weights, z: delta @ weights.T * (1 - z**2),
    "You forgot to transpose W: the way back crosses it from its outputs to its inputs.",
    lambda delta, weights, z: delta @ weights * (1 - np.tanh(z) ** 2),
    "You applied tanh itself: backwards its derivative is wanted.",
    lambda delta, weights, z: delta @ weights.T * np.tanh(z),
    "You crossed the activation before the weights: δ of the layer above has crossed its own.",
    lambda delta, weights, z: (delta * (1 - np.tanh(z) ** 2)) @ weights.T,
    "You took the sigmoid's derivative: these units are tanh.",
    lambda delta, weights, z: delta @ weights.T * squash(z) * (1 - squash(z)),
    "You left the square out: tanh′ is 1 − a², where a = tanh(z).",
    lambda delta, weights, z: delta @ weights.T * (1 - np.tanh(z)),
    "You took a ReLU's derivative: these units are tanh.",
    lambda delta, weights, z: delta @ weights.T * (z > 0),
    "You multiplied by z itself: the slope of tanh at z is asked for.",
    lambda delta, weights, z: delta @ weights.T * z,
)


# Training ----------------------------------------------------------------------------------------


@exercise(points=3)
def train_step(x, targets, hidden, output, rate):
    """Take one step of gradient descent with a network of two layers of sigmoids, without biases.

    The loss is half the squared error, summed over the outputs and averaged over the batch:
    E = Σ ½(a₂ − targets)² / batch, with a₁ = σ(x · hidden) and a₂ = σ(a₁ · output).

    Args:
        x: Shape ``(batch, inputs)``.
        targets: Shape ``(batch, outputs)``.
        hidden: Weights of the first layer, shape ``(inputs, units)``.
        output: Weights of the second layer, shape ``(units, outputs)``.
        rate: The learning rate.

    Returns:
        The new `hidden` and the new `output`.
    """
    a1 = squash(x @ hidden)
    a2 = squash(a1 @ output)
    delta2 = (a2 - targets) / len(x) * a2 * (1 - a2)
    delta1 = delta2 @ output.T * a1 * (1 - a1)
    return hidden - rate * x.T @ delta1, output - rate * a1.T @ delta2


def stepped(
    x,
    targets,
    hidden,
    output,
    rate,
    *,
    late=False,
    slopes=(True, True),
    slope=lambda a: a * (1 - a),
    scale=1.0,
):
    """Return the weights after a step, which may be wrong in one way or another."""
    a1 = squash(x @ hidden)
    a2 = squash(a1 @ output)
    delta2 = scale * (a2 - targets) / len(x) * (slope(a2) if slopes[1] else 1)
    new_output = output - rate * a1.T @ delta2
    delta1 = delta2 @ (new_output if late else output).T * (slope(a1) if slopes[0] else 1)
    return hidden - rate * x.T @ delta1, new_output


@train_step.cases
def _(rng):
    yield (
        np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]),
        np.array([[1.0], [0.0]]),
        np.array([[1.0, -6.0], [3.0, 6.0], [4.0, 5.0]]),
        np.array([[2.0], [4.0]]),
        0.5,
    )
    for batch, inputs, units, outputs in ((4, 3, 2, 2), (5, 2, 4, 3)):
        shapes = (batch, inputs), (batch, outputs), (inputs, units), (units, outputs)
        x, targets, hidden, output = (rng.normal(size=shape) for shape in shapes)
        yield x, targets.clip(0, 1), hidden, output, 0.7


train_step.hints(
    "Forward: a₁, then a₂. Then δ₂ = (a₂ − targets) ⊙ σ′ / batch.",
    "δ₁ crosses the second layer's weights. The old ones or the new ones?",
    "Only when both δ are known do the weights move: against the gradient, by `rate`.",
)

train_step.mistakes(
    "You updated the upper weights before δ of the lower layer: it crosses the old ones.",
    lambda x, targets, hidden, output, rate: stepped(x, targets, hidden, output, rate, late=True),
    "You moved with the gradient: descent goes against it (w − rate · gradient).",
    lambda x, targets, hidden, output, rate: stepped(x, targets, hidden, output, -rate),
    "You left 1/batch out: the loss is a mean over the batch.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, scale=len(x)
    ),
    "You divided by the batch twice: once for the mean, and that is all.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, scale=1 / len(x)
    ),
    "You lost the ½: the derivative of ½(a − t)² is a − t, without a 2.",
    lambda x, targets, hidden, output, rate: stepped(x, targets, hidden, output, rate, scale=2.0),
    "You left out the output's σ′: here the loss is a squared error, not a cross-entropy.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, slopes=(True, False)
    ),
    "You left out the hidden layer's σ′: δ₁ crosses its activations, too.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, slopes=(False, True)
    ),
    "You updated the upper layer only: the error travels on to the lower one.",
    lambda x, targets, hidden, output, rate: (
        hidden.copy(),
        stepped(x, targets, hidden, output, rate)[1],
    ),
    "You took σ′ of the activations: with a = σ(z) the slope is a(1 − a), squash no more.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, slope=lambda a: squash(a) * (1 - squash(a))
    ),
    "You gave the gradients: the weights after the step are asked for.",
    lambda x, targets, hidden, output, rate: [
        (old - new) / rate
        for old, new in zip(
            (hidden, output), train_step(x, targets, hidden, output, rate), strict=True
        )
    ],
    "You averaged over the outputs as well: the loss is summed over them.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, scale=1 / targets.shape[1]
    ),
    "You gave the change: the weights after the step are asked for.",
    lambda x, targets, hidden, output, rate: [
        new - old
        for old, new in zip(
            (hidden, output), train_step(x, targets, hidden, output, rate), strict=True
        )
    ],
    "You took the slope of tanh, 1 − a²: these units are sigmoids.",
    lambda x, targets, hidden, output, rate: stepped(
        x, targets, hidden, output, rate, slope=lambda a: 1 - a**2
    ),
)


@exercise(points=2)
def descend(w, x, y, rate, steps):
    """Fit a line by gradient descent on the mean of (w · x − y)² over the examples.

    Args:
        w: Where to start, shape ``(features,)``.
        x: Shape ``(examples, features)``.
        y: Shape ``(examples,)``.
        rate: The learning rate.
        steps: How many steps to take.

    Returns:
        The weights after the last step, shape ``(features,)``.
    """
    for _ in range(steps):
        w = w - rate * 2 * x.T @ (x @ w - y) / len(y)
    return w


@descend.cases
def _(rng):
    yield np.array([1.0]), np.array([[1.0], [2.0]]), np.array([2.0, 4.0]), 0.1, 2
    for examples, features in ((5, 2), (6, 3)):
        yield (
            rng.normal(size=features),
            rng.normal(size=(examples, features)),
            rng.normal(size=examples),
            0.1,
            4,
        )


descend.hints(
    "Each step: the errors x · w − y, then the gradient, then w moves against it.",
    "The next step computes its gradient anew, at the new w, from nothing.",
)


def descended(w, x, y, rate, steps, *, keep=False, anew=True, scale=1.0):
    """Return the weights after some steps, which may be wrong in one way or another."""
    start, gradient = w, np.zeros_like(w)
    for _ in range(steps):
        part = scale * 2 * x.T @ (x @ (w if anew else start) - y) / len(y)
        gradient = gradient + part if keep else part
        w = w - rate * gradient
    return w


descend.mistakes(
    "You kept the gradients of the steps before: clear them before each pass.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps, keep=True),
    "You used the first gradient for every step: compute it anew at the new w.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps, anew=False),
    "You moved with the gradient: descent goes against it.",
    lambda w, x, y, rate, steps: descended(w, x, y, -rate, steps),
    "You left out the 2: the derivative of e² is 2e.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps, scale=0.5),
    "You summed over the examples: the loss is their mean.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps, scale=len(y)),
    "You divided by the number of examples twice: the mean has one 1/N.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps, scale=1 / len(y)),
    "You took one step only: take `steps` of them.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, 1),
    "You took one step too many: count them again.",
    lambda w, x, y, rate, steps: descended(w, x, y, rate, steps + 1),
)


@descend.mistake("You moved after every example: one step looks at all of them.")
def _(w, x, y, rate, steps):
    for _ in range(steps):
        for row, target in zip(x, y, strict=True):
            w = w - rate * 2 * (row @ w - target) * row
    return w


@descend.mistake("You took the slope of the absolute error: the error is squared here.")
def _(w, x, y, rate, steps):
    for _ in range(steps):
        w = w - rate * x.T @ np.sign(x @ w - y) / len(y)
    return w


@descend.mistake(
    "You multiplied the mean error by the mean input: the mean of the products counts."
)
def _(w, x, y, rate, steps):
    for _ in range(steps):
        w = w - rate * 2 * np.mean(x @ w - y) * x.mean(axis=0)
    return w


# The proof ---------------------------------------------------------------------------------------


@exercise(points=2, rtol=1e-7, atol=1e-8)
def central_difference(coefficients, x, step):
    """Measure the slopes of f(x) = (c · x)³ by central differences.

    (In earnest you would be handed a function; here it is this one, so that you can see whether
    what you measure is right: its slopes are 3 (c · x)² c.)

    Args:
        coefficients: c, shape ``(n,)``.
        x: Where, shape ``(n,)``; it must be what it was when you are done.
        step: h, how far each element is moved, both ways.

    Returns:
        Shape ``(n,)``: (f(x + h eᵢ) − f(x − h eᵢ)) / 2h, where eᵢ moves element i alone.
    """
    slopes = np.zeros_like(x)
    for i, move in enumerate(step * np.eye(len(x))):
        slopes[i] = (cubed(coefficients, x + move) - cubed(coefficients, x - move)) / (2 * step)
    return slopes


def cubed(coefficients, x):
    """Return (c · x)³."""
    return np.dot(coefficients, x) ** 3


@central_difference.cases
def _(rng):
    yield np.array([1.0, 2.0]), np.array([1.0, 0.5]), 0.5
    for size, step in ((3, 0.2), (4, 0.01)):
        yield rng.normal(size=size), rng.normal(size=size), step


central_difference.hints(
    "Move one element up by h and then down by h, and all others not at all.",
    "Between the two places lie 2h.",
)


def differences(coefficients, x, up, down, over):
    """Return (f with each element moved up − f with it moved down) / over."""
    return np.array(
        [
            (cubed(coefficients, x + up * e) - cubed(coefficients, x + down * e)) / over
            for e in np.eye(len(x))
        ]
    )


central_difference.mistakes(
    "You took a one-sided difference: move down as well as up, it is far more exact.",
    lambda coefficients, x, step: differences(coefficients, x, step, 0, step),
    "You took the difference to the left only: move up as well as down.",
    lambda coefficients, x, step: differences(coefficients, x, 0, -step, step),
    "You divided by h: between the two places lie 2h.",
    lambda coefficients, x, step: differences(coefficients, x, step, -step, step),
    "You did not divide: a slope is a difference over the distance 2h.",
    lambda coefficients, x, step: differences(coefficients, x, step, -step, 1),
    "You moved all elements together: move one of them at a time.",
    lambda coefficients, x, step: np.full(
        len(x),
        (cubed(coefficients, x + step) - cubed(coefficients, x - step)) / (2 * step),
    ),
    "You did not put an element back before you moved the next one.",
    lambda coefficients, x, step: np.array(
        [
            (cubed(coefficients, x + step * (e - b)) - cubed(coefficients, x - step * (e + b)))
            / (2 * step)
            for e, b in zip(np.eye(len(x)), np.tri(len(x), k=-1), strict=True)
        ]
    ),
    "You took a step of your own, too small: the difference drowns in rounding.",
    lambda coefficients, x, step: differences(coefficients, x, 1e-14, -1e-14, 2e-14),
    "You gave the slope itself, 3 (c · x)² c, from the formula or with a small step of your own: "
    "measure it with the h that is given, `step`.",
    lambda coefficients, x, step: 3 * np.dot(coefficients, x) ** 2 * coefficients,
    "You exchanged the two sides: the slope has the other sign.",
    lambda coefficients, x, step: differences(coefficients, x, -step, step, 2 * step),
    "You divided by 2 and multiplied by h: write `/ (2 * h)`, with the brackets.",
    lambda coefficients, x, step: differences(coefficients, x, step, -step, 2 / step),
    "You divided by 2 alone: between the two places lie 2h.",
    lambda coefficients, x, step: differences(coefficients, x, step, -step, 2),
    "You added the two values: a slope is their difference over 2h.",
    lambda coefficients, x, step: np.array(
        [
            (cubed(coefficients, x + e) + cubed(coefficients, x - e)) / (2 * step)
            for e in step * np.eye(len(x))
        ]
    ),
    "You moved by 2h each way, and divided by 2h: between the two places lie 4h then.",
    lambda coefficients, x, step: differences(coefficients, x, 2 * step, -2 * step, 2 * step),
    "You moved up by 2h and not down: half of it up, half of it down.",
    lambda coefficients, x, step: differences(coefficients, x, 2 * step, 0, 2 * step),
)


@exercise()
def relative_error(ours, measured):
    """Return by how much two gradients differ: ‖ours − measured‖ / max(‖ours‖, ‖measured‖).

    ‖·‖ is the root of the sum of squares.

    Args:
        ours: A gradient, any shape.
        measured: The other one, in the same shape; the two are not both zero.

    Returns:
        A float: 0 where they are equal, near 1 or more where they have nothing in common.
    """
    larger = max(np.linalg.norm(ours), np.linalg.norm(measured))
    return float(np.linalg.norm(ours - measured) / larger)


@relative_error.cases
def _(rng):
    yield np.array([3.0, 4.0]), np.array([3.0, 1.0])
    yield np.array([1e-9, 0.0]), np.array([2e-9, 1e-9])
    for scale in (1e-6, 1.0, 1e4):
        measured = scale * rng.normal(size=4)
        yield measured * 1.3 + scale * 0.1, measured
        yield -measured * 0.7, measured


relative_error.hints(
    "A gradient of 1e−9 that should be 2e−9 is wrong by half. Does your number say so?",
    "`np.linalg.norm` is the root of the sum of squares. Divide by the larger of the two.",
)

relative_error.mistakes(
    "You took the absolute error: 1e−9 for 2e−9 is wrong by half, and would pass.",
    lambda ours, measured: float(np.linalg.norm(ours - measured)),
    "You compared the lengths only: two gradients of one length may point anywhere.",
    lambda ours, measured: float(
        abs(np.linalg.norm(ours) - np.linalg.norm(measured))
        / max(np.linalg.norm(ours), np.linalg.norm(measured))
    ),
    "You divided by the smaller norm: the larger one keeps it from running off near 0.",
    lambda ours, measured: float(
        np.linalg.norm(ours - measured) / min(np.linalg.norm(ours), np.linalg.norm(measured))
    ),
    "You divided by the sum of both norms: here it is the larger of the two.",
    lambda ours, measured: float(
        np.linalg.norm(ours - measured) / (np.linalg.norm(ours) + np.linalg.norm(measured))
    ),
    "You summed the differences with their signs: they cancel out.",
    lambda ours, measured: float(
        np.sum(ours - measured) / max(np.linalg.norm(ours), np.linalg.norm(measured))
    ),
    "You forgot the root: the norm is the root of the sum of squares.",
    lambda ours, measured: float(
        np.sum((ours - measured) ** 2) / max(np.sum(ours**2), np.sum(measured**2))
    ),
)
