"""Exercises on neurons: learn from a mistake, bend a line, squash, and say how wrong it was."""

import numpy as np

from companion.checking import exercise, gradient_exercise

# One neuron --------------------------------------------------------------------------------------


@exercise()
def neuron(x, weights, bias):
    """Return what a perceptron answers to one example: sign(wᵀx + b), where sign(0) is −1.

    Args:
        x: The example, of shape ``(features,)``.
        weights: Shape ``(features,)``.
        bias: A number.

    Returns:
        1.0 or −1.0.
    """
    return 1.0 if weights @ x + bias > 0 else -1.0


@neuron.cases
def _(rng):
    yield np.array([2.0, 1.0]), np.array([1.0, -1.0]), 0.5
    yield np.array([1.0, 1.0]), np.array([1.0, -1.0]), 0.0
    yield np.array([1.0, 2.0]), np.array([1.0, 0.5]), -1.0
    yield np.array([3.0, -1.0]), np.array([-1.0, -1.0]), 0.0
    yield np.array([1.0, 0.0]), np.array([0.5, 3.0]), -2.0
    yield np.array([1.0, 0.0]), np.array([0.5, 3.0]), 2.0
    yield np.array([1.0, 0.0]), np.array([-1.0, -1.0]), 1.5
    for _ in range(6):
        yield rng.normal(size=3), rng.normal(size=3), float(rng.normal())


neuron.hints(
    "Multiply each input by its weight and add the products up: `weights @ x` does both.",
    "Then the bias, once. Then ask on which side of 0 you are.",
)

neuron.mistakes(
    "You added the bias once for every input: it is added once, to the weighted sum.",
    lambda x, weights, bias: neuron(x, weights, len(x) * bias),
    "You answered True or False: a perceptron answers +1 or −1.",
    lambda x, weights, bias: bool(weights @ x + bias > 0),
    "You left the bias out: without it every line goes through the origin.",
    lambda x, weights, bias: neuron(x, weights, 0.0),
    "You moved the threshold the wrong way: the bias is added, a threshold taken off.",
    lambda x, weights, bias: neuron(x, weights, -bias),
    "You answered 1 or 0: a perceptron's two classes are +1 and −1 here.",
    lambda x, weights, bias: (neuron(x, weights, bias) + 1) / 2,
    "You used `np.sign`, which answers 0 on the line: here that is −1.",
    lambda x, weights, bias: float(np.sign(weights @ x + bias)),
    "You counted the line itself as +1: sign(0) is −1 here.",
    lambda x, weights, bias: 1.0 if weights @ x + bias >= 0 else -1.0,
    "You stopped at the weighted sum: the step is missing.",
    lambda x, weights, bias: float(weights @ x + bias),
    "You turned the classes round: +1 is the side where the sum is above 0.",
    lambda x, weights, bias: -neuron(x, weights, bias),
    "You squashed the sum: a perceptron answers +1 or −1, nothing between.",
    lambda x, weights, bias: float(np.tanh(weights @ x + bias)),
    "You answered for each input by itself: add the products up first.",
    lambda x, weights, bias: np.where(weights * x + bias > 0, 1.0, -1.0),
    "You squashed the sum with a sigmoid: a perceptron answers +1 or −1.",
    lambda x, weights, bias: float(1 / (1 + np.exp(-(weights @ x + bias)))),
    "You added the bias to every input: it is added once, to the weighted sum.",
    lambda x, weights, bias: neuron(x + bias, weights, 0.0),
)


@exercise(points=2)
def perceptron_update(weights, bias, x, target, rate):
    """Return a perceptron's weights and bias after it has seen one example.

    w ← w + λ (target − output) x and b ← b + λ (target − output), where the output is
    sign(wᵀx + b), and sign(0) is −1. Do not change the arrays you are given.

    Args:
        weights: Shape ``(features,)``.
        bias: A number.
        x: The example, of shape ``(features,)``.
        target: Its class, 1.0 or −1.0.
        rate: The lecture's λ.

    Returns:
        The weights and the bias, as a pair.
    """
    error = target - (1.0 if weights @ x + bias > 0 else -1.0)
    return weights + rate * error * x, bias + rate * error


@perceptron_update.cases
def _(rng):
    yield np.array([1.0, -1.0]), 0.5, np.array([2.0, 4.0]), 1.0, 1.0
    yield np.array([1.0, 1.0]), 1.0, np.array([2.0, 3.0]), -1.0, 0.5
    yield np.array([1.0, 1.0]), 1.0, np.array([2.0, 3.0]), 1.0, 0.5
    yield np.array([0.0, 0.0]), 0.0, np.array([3.0, 1.0]), 1.0, 1.0
    yield np.array([0.0, 0.0]), 0.0, np.array([3.0, 1.0]), -1.0, 1.0
    for bias in (-3.0, -8.0):  # of the two, the bias decides one
        yield np.array([1.0, 1.0]), bias, np.array([2.0, 3.0]), 1.0, 0.5
    for target in (1.0, -1.0) * 4:
        yield rng.normal(size=3), float(rng.normal()), rng.normal(size=3), target, 0.25


perceptron_update.hints(
    "What does the perceptron answer before it learns? What is target − output if that is right?",
    "On a mistake target − output is +2 or −2. Each weight moves by λ times that times its input.",
    "The bias is a weight whose input is always 1.",
)


def updated(weights, bias, x, error, rate, bias_error=None):
    """Move the weights by one error, and the bias by the same or by another."""
    return weights + rate * error * x, bias + rate * (error if bias_error is None else bias_error)


def error_of(weights, bias, x, target):
    """Return target − output."""
    return target - (1.0 if weights @ x + bias > 0 else -1.0)


perceptron_update.mistakes(
    "You moved by the target at every example: target − output is 0 where the answer is right.",
    lambda weights, bias, x, target, rate: updated(weights, bias, x, target, rate),
    "You never updated the bias: it is a weight, too, whose input is 1.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, error_of(weights, bias, x, target), rate, 0.0
    ),
    "You updated the bias inside the loop over the features: it moves once an example.",
    lambda weights, bias, x, target, rate: updated(
        weights,
        bias,
        x,
        error_of(weights, bias, x, target),
        rate,
        len(x) * error_of(weights, bias, x, target),
    ),
    "You moved the bias the wrong way, like a threshold: it goes with the error.",
    lambda weights, bias, x, target, rate: updated(
        weights,
        bias,
        x,
        error_of(weights, bias, x, target),
        rate,
        -error_of(weights, bias, x, target),
    ),
    "You took the bias for its own input: the input that belongs to it is 1.",
    lambda weights, bias, x, target, rate: updated(
        weights,
        bias,
        x,
        error_of(weights, bias, x, target),
        rate,
        bias * error_of(weights, bias, x, target),
    ),
    "You updated the first weight twice: each weight moves once.",
    lambda weights, bias, x, target, rate: updated(
        weights,
        bias,
        np.concatenate([2 * x[:1], x[1:]]),
        error_of(weights, bias, x, target),
        rate,
    ),
    "You answered 0 in place of −1: target − output is then −1 or −2 for −1, never 0.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, target - float(weights @ x + bias > 0), rate
    ),
    "You updated where the answer was right, too: there target − output is 0.",
    lambda weights, bias, x, target, rate: updated(weights, bias, x, 2 * target, rate),
    "You added λ · target · x on a mistake: target − output is twice the target.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, error_of(weights, bias, x, target) / 2, rate
    ),
    "You took output − target: the line turns away from the answer.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, -error_of(weights, bias, x, target), rate
    ),
    "You left λ out of the bias: both move at the same rate.",
    lambda weights, bias, x, target, rate: updated(
        weights,
        bias,
        x,
        error_of(weights, bias, x, target),
        rate,
        error_of(weights, bias, x, target) / rate,
    ),
    "You took the weighted sum for the output: the sign comes first.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, target - (weights @ x + bias), rate
    ),
    "You left the bias out of the output: the answer is sign(wᵀx + b).",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, error_of(weights, 0.0, x, target), rate
    ),
    "You used `np.sign`, which answers 0 on the line: here that is −1.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, target - np.sign(weights @ x + bias), rate
    ),
    "You counted the line itself as +1: sign(0) is −1 here.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, target - (1.0 if weights @ x + bias >= 0 else -1.0), rate
    ),
    "You returned the change: the weights and the bias after it are asked for.",
    lambda weights, bias, x, target, rate: updated(
        0 * weights, 0.0, x, error_of(weights, bias, x, target), rate
    ),
    "You moved the bias where the answer was right, too: there target − output is 0.",
    lambda weights, bias, x, target, rate: updated(
        weights, bias, x, error_of(weights, bias, x, target), rate, target
    ),
)


@exercise(points=2)
def perceptron_sweep(weights, bias, X, y):
    """Show a perceptron every example once, in order, and count its mistakes (λ = 1).

    Each example is answered with the weights as they are by then, which then move by the rule of
    perceptron_update; sign(0) is −1. Do not change the arrays you are given.

    Args:
        weights: Shape ``(features,)``.
        bias: A number.
        X: Examples, of shape ``(examples, features)``.
        y: Their classes, 1.0 or −1.0.

    Returns:
        The weights, the bias, and the number of mistakes.
    """
    mistakes = 0
    for x, target in zip(X, y, strict=True):
        error = target - (1.0 if weights @ x + bias > 0 else -1.0)
        weights, bias = weights + error * x, bias + error
        mistakes += int(error != 0)
    return weights, bias, mistakes


@perceptron_sweep.cases
def _(rng):
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    yield np.zeros(2), 0.0, corners, np.array([-1.0, 1.0, 1.0, 1.0])
    yield np.zeros(2), 0.0, corners, np.array([-1.0, 1.0, 1.0, -1.0])
    for _ in range(4):
        X = rng.normal(size=(12, 3))
        yield rng.normal(size=3), float(rng.normal()), X, np.where(X[:, 0] > X[:, 1], 1.0, -1.0)


perceptron_sweep.hints(
    "Write the loop around `perceptron_update`.",
    "The second example is answered with the weights that the first has left.",
)


def first_mistake_only(weights, bias, X, y):
    """Stop after the first mistake."""
    for x, target in zip(X, y, strict=True):
        weights, bias, mistakes = perceptron_sweep(weights, bias, x[None], [target])
        if mistakes:
            return weights, bias, 1
    return weights, bias, 0


def all_at_once(weights, bias, X, y):
    """Answer every example with the weights of the beginning."""
    errors = y - np.where(X @ weights + bias > 0, 1.0, -1.0)
    return weights + errors @ X, bias + errors.sum(), int(np.count_nonzero(errors))


def counted_afterwards(weights, bias, X, y):
    """Count what the final line gets wrong."""
    weights, bias, _ = perceptron_sweep(weights, bias, X, y)
    return weights, bias, int(np.sum(np.where(X @ weights + bias > 0, 1.0, -1.0) != y))


def swept(
    weights,
    bias,
    X,
    y,
    *,
    scale=1.0,
    bias_too=True,
    late=False,
    error_of=lambda target, output: target - output,
    sign=lambda z: 1.0 if z > 0 else -1.0,
):
    """Return line and count of a sweep, which may be wrong in one way or another."""
    mistakes = 0
    for x, target in zip(X, y, strict=True):
        output = sign(weights @ x + bias)
        error = scale * error_of(target, output)
        weights, bias = weights + error * x, bias + (error if bias_too else 0.0)
        mistakes += int((sign(weights @ x + bias) if late else output) != target)
    return weights, bias, mistakes


perceptron_sweep.mistakes(
    "You stopped at the first mistake: a sweep goes on to the last example.",
    first_mistake_only,
    "You answered all examples with the first weights: each mistake counts at once.",
    all_at_once,
    "You counted the mistakes of the final line: count them as they happen.",
    counted_afterwards,
    "You summed |target − output|: a mistake counts once, not twice.",
    lambda weights, bias, X, y: (
        *perceptron_sweep(weights, bias, X, y)[:2],
        2 * perceptron_sweep(weights, bias, X, y)[2],
    ),
    "You counted what was right: count the mistakes.",
    lambda weights, bias, X, y: (
        *perceptron_sweep(weights, bias, X, y)[:2],
        len(X) - perceptron_sweep(weights, bias, X, y)[2],
    ),
    "You began with weights of 0: go on from those that you are given.",
    lambda weights, bias, X, y: perceptron_sweep(0 * weights, 0.0, X, y),
    "You went through the examples backwards: the order changes the line.",
    lambda weights, bias, X, y: perceptron_sweep(weights, bias, X[::-1], y[::-1]),
    "You added target · x on a mistake: target − output is twice the target.",
    lambda *given: swept(*given, scale=0.5),
    "You moved the line at every example: where the answer is right, the error is 0.",
    lambda *given: swept(*given, error_of=lambda target, output: target),
    "You counted after the update: an example is a mistake by the answer before it.",
    lambda *given: swept(*given, late=True),
    "You left the bias where it was: it is a weight, too, whose input is 1.",
    lambda *given: swept(*given, bias_too=False),
    "You took output − target: the line turns away from the answer.",
    lambda *given: swept(*given, scale=-1.0),
    "You counted the line itself as +1: sign(0) is −1 here.",
    lambda *given: swept(*given, sign=lambda z: 1.0 if z >= 0 else -1.0),
)


@exercise(points=2)
def xor_network(X):
    """Return the answers of three neurons that solve XOR: a strip between two lines.

    The first hidden neuron says +1 where x₁ + x₂ > ½, otherwise −1; the second where x₁ + x₂ > 1½.
    An output neuron reads the two and says +1 where the first fires and the second does not,
    otherwise −1. Choose its weights and its bias.

    Args:
        X: Points, of shape ``(points, 2)``.

    Returns:
        1.0 or −1.0 for each, shape ``(points,)``.
    """
    hidden = np.where(X @ np.ones((2, 2)) + [-0.5, -1.5] > 0, 1.0, -1.0)
    return np.where(hidden @ [1.0, -1.0] - 1.0 > 0, 1.0, -1.0)


@xor_network.cases
def _(rng):
    yield np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    yield np.array([[0.9, 0.9], [0.1, 0.1], [0.7, 0.0], [-1.0, 2.2], [2.0, -1.0], [3.0, -3.0]])
    yield rng.uniform(-1, 2, size=(40, 2))


xor_network.hints(
    "Which pairs of hidden answers are possible? Only one of them is to give +1.",
    "Weigh the first by 1 and the second by −1: what are the three sums? Put the bias in between.",
)


def strip(X, low, high):
    """Say +1 between two lines."""
    total = X.sum(axis=1)
    return np.where((total > low) & (total <= high), 1.0, -1.0)


xor_network.mistakes(
    "You answered −1 to every point: are the biases −½ and −1½, and are the hidden answers +1 and "
    "−1?",
    lambda X: np.full(len(X), -1.0),
    "You gave OR: the second neuron has to veto the first.",
    lambda X: strip(X, 0.5, np.inf),
    "You gave AND: the strip lies between the lines, not beyond both.",
    lambda X: strip(X, 1.5, np.inf),
    "You gave NAND: what lies below both lines is −1, too.",
    lambda X: strip(X, -np.inf, 1.5),
    "You turned the answer round: +1 is inside the strip.",
    lambda X: -xor_network(X),
    "You answered 1 or 0: the output neuron says +1 or −1.",
    lambda X: (xor_network(X) + 1) / 2,
    "You gave a table of the four corners: the network answers every point of the plane.",
    lambda X: np.where(np.isin(X, [0.0, 1.0]).all(axis=1) & (X[:, 0] != X[:, 1]), 1.0, -1.0),
    "You shifted both lines: the thresholds are ½ and 1½, so the biases are −½ and −1½.",
    lambda X: strip(X, -1.5, -0.5),
    "You compared the two inputs, each with ½: the lines lie where their sum is ½ and 1½.",
    lambda X: np.where((X > 0.5).sum(axis=1) == 1, 1.0, -1.0),
    "You put the second line at 1: it lies at 1½, beyond (1, 0) and (0, 1).",
    lambda X: strip(X, 0.5, 1.0),
)


# Activations -------------------------------------------------------------------------------------


@exercise()
def sigmoid_slope(z):
    """Return the derivative of the sigmoid at z, element by element.

    Args:
        z: An array of any shape: the weighted sums, not yet squashed.

    Returns:
        The derivatives, in the same shape.
    """
    a = 1 / (1 + np.exp(-z))
    return a * (1 - a)


def some_sums(rng):
    """Yield weighted sums: some to read, zero among them, and some drawn."""
    yield np.array([-2.0, 0.0, 1.0])
    yield rng.normal(scale=2, size=(3, 4))


sigmoid_slope.cases(some_sums)

sigmoid_slope.hints(
    "Write the sigmoid first, and call it a. Its derivative can be said in a alone.",
    "At 0 it is a quarter, and that is its largest value.",
)


def squashed(z):
    """Return the sigmoid."""
    return 1 / (1 + np.exp(-z))


sigmoid_slope.mistakes(
    "You took z for the sigmoid's value: squash it first, a = σ(z), then a(1 − a).",
    lambda z: z * (1 - z),
    "You squashed twice: the derivative at z needs σ(z), not σ(σ(z)).",
    lambda z: sigmoid_slope(squashed(z)),
    "You left the factor 1 − a out: the derivative is a(1 − a).",
    squashed,
    "You gave 1 − a²: that is the derivative of tanh, in its own value.",
    lambda z: 1 - squashed(z) ** 2,
    "You left the factor a out: the derivative is a(1 − a).",
    lambda z: 1 - squashed(z),
    "You gave the slope a minus: the sigmoid rises everywhere.",
    lambda z: -sigmoid_slope(z),
    "You gave a²: the derivative is a(1 − a).",
    lambda z: squashed(z) ** 2,
    "You gave the derivative of tanh: the sigmoid is a quarter as steep at 0.",
    lambda z: 1 - np.tanh(z) ** 2,
    "You gave the derivative of a ReLU, 0 or 1: the sigmoid is nowhere so steep.",
    lambda z: np.where(z > 0, 1.0, 0.0),
    "You gave a(1 + a): the derivative is a(1 − a).",
    lambda z: squashed(z) * (1 + squashed(z)),
)


@sigmoid_slope.mistake("You multiplied by 1 − z: it is 1 − a, with a = σ(z).")
def _(z):
    return (1 - z) / (1 + np.exp(-z))


@sigmoid_slope.mistake("You took the softmax: every number is squashed by itself.")
def _(z):
    a = np.exp(z) / np.exp(z).sum()
    return a * (1 - a)


@exercise()
def tanh_slope(z):
    """Return the derivative of tanh at z, element by element.

    Args:
        z: An array of any shape.

    Returns:
        The derivatives, in the same shape.
    """
    return 1 - np.tanh(z) ** 2


tanh_slope.cases(some_sums)

tanh_slope.hints(
    "As with the sigmoid, the derivative can be said in the value a = tanh(z) alone.",
    "At 0 it is 1; far from 0 it is nearly 0, on both sides.",
)

tanh_slope.mistakes(
    "You took z for tanh's value: 1 − a² needs a = tanh(z).",
    lambda z: 1 - z**2,
    "You left the square out: the derivative is 1 − a².",
    lambda z: 1 - np.tanh(z),
    "You gave a(1 − a): that is the derivative of the sigmoid, in its own value.",
    lambda z: np.tanh(z) * (1 - np.tanh(z)),
    "You squared the wrong thing: it is 1 − a², not (1 − a)².",
    lambda z: (1 - np.tanh(z)) ** 2,
    "You gave the sigmoid's derivative: tanh is four times as steep at 0.",
    lambda z: sigmoid_slope(z),
    "You gave tanh itself: its derivative is asked for.",
    np.tanh,
    "You squashed twice: the derivative at z needs tanh(z), not tanh(tanh(z)).",
    lambda z: 1 - np.tanh(np.tanh(z)) ** 2,
    "You gave a plus: the derivative is 1 − a², never above 1.",
    lambda z: 1 + np.tanh(z) ** 2,
)


@exercise()
def leaky_relu_slope(z, alpha):
    """Return the derivative of a leaky ReLU at z; at the kink, the one from the left.

    Its value is z where z > 0, otherwise αz. With α = 0 it is the ReLU.

    Args:
        z: An array of any shape.
        alpha: The slope α where z is not above 0.

    Returns:
        The derivatives, in the same shape.
    """
    return np.where(z > 0, 1.0, alpha)


@leaky_relu_slope.cases
def _(rng):
    yield np.array([-2.0, 0.0, 3.0]), 0.1
    yield np.array([-1.0, 0.0, 0.5]), 0.0
    yield rng.normal(size=(3, 4)), 0.01
    yield rng.normal(size=6), 0.25


leaky_relu_slope.hints(
    "Two straight lines meet at 0. What is the slope of each?",
    "At 0 itself the left line counts, as on the lecture's slide.",
)

leaky_relu_slope.mistakes(
    "You gave the slope of the right side at 0: here z > 0 is needed for 1, not z ≥ 0.",
    lambda z, alpha: np.where(z >= 0, 1.0, alpha),
    "You gave the value: the derivative of z is 1, that of αz is α.",
    lambda z, alpha: np.where(z > 0, z, alpha * z),
    "You put the leak on the positive side: the slope is 1 there, and α below.",
    lambda z, alpha: np.where(z > 0, alpha, 1.0),
    "You gave the ReLU's derivative: below 0 the slope is α.",
    lambda z, alpha: np.where(z > 0, 1.0, 0.0),
    "You gave αz below 0: that is the value, its slope is α.",
    lambda z, alpha: np.where(z > 0, 1.0, alpha * z),
    "You gave −α below 0: the leaky ReLU rises there, too.",
    lambda z, alpha: np.where(z > 0, 1.0, -alpha),
    "You gave 0 at the kink: the slope from the left is α.",
    lambda z, alpha: np.where(z > 0, 1.0, np.where(z < 0, alpha, 0.0)),
    "You gave z above 0: that is the value, its slope is 1.",
    lambda z, alpha: np.where(z > 0, z, alpha),
    "You gave the mean of both slopes at the kink: the one from the left is α.",
    lambda z, alpha: np.where(z > 0, 1.0, np.where(z < 0, alpha, (1 + alpha) / 2)),
    "You gave 1 − α below 0: the slope is α.",
    lambda z, alpha: np.where(z > 0, 1.0, 1 - alpha),
)


@exercise(points=2)
def softmax(logits):
    """Turn rows of scores into rows of probabilities, whatever the scores' size.

    Args:
        logits: Shape ``(examples, classes)``; a score may be as large as ±10,000.

    Returns:
        The same shape; every row adds up to 1.
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@softmax.cases
def _(rng):
    yield np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    yield np.array([[10_000.0, 9_999.0, -10_000.0], [1.0, 2.0, 0.0]])
    yield np.array([[-10_000.0, -9_998.0], [10_000.0, 9_999.0]])
    yield rng.normal(size=(4, 4))
    yield rng.normal(scale=3, size=(3, 5))


softmax.hints(
    "Raise e to each score, then divide each row by its sum.",
    "e to the power of 10,000 is no number that a computer knows. What may you take off a whole "
    "row without changing its probabilities?",
    "`keepdims=True` keeps the row's sum a column, so that it divides its own row.",
)


def quietly(function):
    """Let a mistake overflow without a word, as NumPy would with one."""

    def quiet(*arguments):
        with np.errstate(all="ignore"):
            return function(*arguments)

    return quiet


def powers_over(logits, axis):
    """Return e to the scores, each slice along `axis` divided by its sum."""
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


softmax.mistakes(
    "You did not take the largest score off first: e to the power of 10,000 overflows.",
    quietly(lambda logits: np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)),
    "You took the largest score of the whole batch off: each row needs its own.",
    quietly(
        lambda logits: (
            np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum(axis=1, keepdims=True)
        )
    ),
    "You normalized over the examples: each row adds up to 1, not each column.",
    quietly(lambda logits: powers_over(logits, 0)),
    "You normalized over the whole batch: each row adds up to 1 by itself.",
    lambda logits: softmax(logits.reshape(1, -1)).reshape(logits.shape),
    "You divided the scores by their sum: e comes first, so that nothing is negative.",
    quietly(lambda logits: logits / logits.sum(axis=1, keepdims=True)),
    "You applied softmax twice: what is a probability already is levelled out.",
    lambda logits: softmax(softmax(logits)),
    "You gave each score a sigmoid of its own: these do not add up to 1.",
    quietly(lambda logits: squashed(logits)),
    "You only marked the largest: softmax leaves something to the others.",
    lambda logits: np.eye(logits.shape[1])[logits.argmax(axis=1)],
    "You divided by the number of examples: each row by itself sums to 1.",
    lambda logits: softmax(logits) / len(logits),
    "You returned the logarithm of the softmax: the shares themselves are asked for.",
    lambda logits: (
        logits
        - logits.max(axis=1, keepdims=True)
        - np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    ),
)


# Losses ------------------------------------------------------------------------------------------


@exercise(points=2)
def binary_cross_entropy(logits, targets):
    """Return the mean of −t log p − (1 − t) log(1 − p), where p = σ(z), at any z.

    Args:
        logits: The weighted sums z, of shape ``(examples,)``; as large as ±10,000.
        targets: The classes t, 1.0 or 0.0.

    Returns:
        One number.
    """
    terms = np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))
    return float(np.mean(terms))


@binary_cross_entropy.cases
def _(rng):
    yield np.array([0.0, 2.0, -1.0]), np.array([1.0, 1.0, 0.0])
    yield np.array([0.5, -1.5]), np.array([0.0, 1.0])
    yield np.array([10_000.0, -10_000.0, 1.0]), np.array([0.0, 1.0, 1.0])
    yield np.array([50.0, 1.0]), np.array([0.0, 1.0])
    yield np.array([10_000.0, 1.0]), np.array([1.0, 0.0])
    for _ in range(2):
        yield rng.normal(size=6), rng.integers(0, 2, size=6).astype(float)


binary_cross_entropy.hints(
    "Put p = 1 / (1 + e⁻ᶻ) into the formula and simplify: what is −log p, in z?",
    "−log p is log(1 + e⁻ᶻ), and −log(1 − p) is that plus z. Which of the two can overflow, when?",
    "max(z, 0) − t z + log(1 + e^−|z|) never does.",
)


def entropy_of(p, targets):
    """Return the mean of the two terms for probabilities."""
    return float(np.mean(-targets * np.log(p) - (1 - targets) * np.log(1 - p)))


binary_cross_entropy.mistakes(
    "You took the logarithm of a sigmoid that has become 0 or 1: simplify the formula first.",
    quietly(lambda logits, targets: entropy_of(squashed(logits), targets)),
    "You clipped the probabilities: a sure mistake then costs the same however sure it was.",
    quietly(lambda logits, targets: entropy_of(np.clip(squashed(logits), 1e-7, 1 - 1e-7), targets)),
    "You summed over the examples: the loss is their mean.",
    lambda logits, targets: len(logits) * binary_cross_entropy(logits, targets),
    "You left out the term of class 0: −(1 − t) log(1 − p) belongs to it.",
    lambda logits, targets: float(np.mean(targets * np.logaddexp(0, -logits))),
    "You exchanged the classes: −log p is what an example of class 1 costs.",
    lambda logits, targets: binary_cross_entropy(logits, 1 - targets),
    "You left the minus out: a loss is not negative here.",
    lambda logits, targets: -binary_cross_entropy(logits, targets),
    "You squashed twice: what came in are weighted sums, not probabilities.",
    quietly(lambda logits, targets: binary_cross_entropy(squashed(logits), targets)),
    "You used the logarithm to base 2: the losses of the lectures are in nats.",
    lambda logits, targets: binary_cross_entropy(logits, targets) / np.log(2),
)


@exercise(points=2)
def cross_entropy(logits, labels):
    """Return the mean of −log p(label), p being the softmax of a row of scores of any size.

    Args:
        logits: Shape ``(examples, classes)``; a score may be as large as ±10,000.
        labels: The number of each example's class, of shape ``(examples,)``.

    Returns:
        One number.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.mean(log_p[np.arange(len(labels)), labels]))


@cross_entropy.cases
def _(rng):
    yield np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([2, 0])
    yield np.array([[10_000.0, -10_000.0, 1.0], [1.0, 2.0, 0.0]]), np.array([1, 1])
    for classes in (3, 4):
        yield rng.normal(size=(5, classes)), rng.integers(0, classes, size=5)


cross_entropy.hints(
    "Take the logarithm of the softmax on paper: it is z minus the logarithm of a sum of powers.",
    "The largest score may be taken off a row first, as in `softmax`.",
    "`log_p[np.arange(n), labels]` picks one number from each row. Then the mean.",
)


def picked(rows, labels):
    """Return one number of each row."""
    return rows[np.arange(len(labels)), labels]


cross_entropy.mistakes(
    "You took the largest probability whatever the label: the loss is that of the label.",
    lambda logits, labels: float(-np.mean(np.log(softmax(logits).max(axis=1)))),
    "You took the logarithm of a probability that has become 0: stay with the scores.",
    quietly(lambda logits, labels: float(-np.mean(np.log(picked(softmax(logits), labels))))),
    "You applied softmax twice: what came in are scores, and one softmax is enough.",
    lambda logits, labels: cross_entropy(softmax(logits), labels),
    "You took the scores for log p: the logarithm of the sum of powers is still to be taken off.",
    lambda logits, labels: float(-np.mean(picked(logits, labels))),
    "You summed over the examples: the loss is their mean.",
    lambda logits, labels: len(labels) * cross_entropy(logits, labels),
    "You took the mean over the classes as well: an example has one label.",
    lambda logits, labels: cross_entropy(logits, labels) / logits.shape[1],
    "You left the minus out: a loss is not negative here.",
    lambda logits, labels: -cross_entropy(logits, labels),
    "You normalized over the examples: the softmax runs along each row.",
    quietly(lambda logits, labels: float(-np.mean(np.log(picked(powers_over(logits, 0), labels))))),
    "You gave 1 − p(label): the loss is −log p(label).",
    lambda logits, labels: float(np.mean(1 - picked(softmax(logits), labels))),
    "You clipped the probabilities: a sure mistake then costs the same however sure it was.",
    lambda logits, labels: float(
        -np.mean(np.log(np.clip(picked(softmax(logits), labels), 1e-7, 1)))
    ),
    "You added a little to the probability: a sure mistake costs the same then, however sure.",
    lambda logits, labels: float(-np.mean(np.log(picked(softmax(logits), labels) + 1e-12))),
    "You left the logarithm out: the loss is −log p(label), not −p(label).",
    lambda logits, labels: float(-np.mean(picked(softmax(logits), labels))),
    "You used the logarithm to base 2: the natural one is asked for.",
    lambda logits, labels: cross_entropy(logits, labels) / np.log(2),
    "You kept one loss for each example: their mean is asked for.",
    lambda logits, labels: np.array(
        [cross_entropy(logits[[n]], labels[[n]]) for n in range(len(labels))]
    ),
)


@gradient_exercise(of=cross_entropy, wrt="logits", points=2)
def cross_entropy_gradient(logits, labels):
    """Return the gradient of `cross_entropy` for the scores: p − y, as a mean over the examples.

    y is 1 at the example's label and 0 elsewhere.

    Args:
        logits: Shape ``(examples, classes)``.
        labels: The number of each example's class, of shape ``(examples,)``.

    Returns:
        Shape ``(examples, classes)``.
    """
    return (softmax(logits) - np.eye(logits.shape[1])[labels]) / len(labels)


@cross_entropy_gradient.cases
def _(rng):
    yield np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([2, 0])
    for classes in (3, 4):
        yield rng.normal(size=(5, classes)), rng.integers(0, classes, size=5)


cross_entropy_gradient.hints(
    "What does a score that is not the label's do to the loss? It pushes by its probability.",
    "`np.eye(classes)[labels]` has a 1 at each label.",
    "The loss is a mean, so its gradient is one, too.",
)

cross_entropy_gradient.mistakes(
    "You left the 1/n of the mean out: every example pulls with a part of its weight.",
    lambda logits, labels: len(labels) * cross_entropy_gradient(logits, labels),
    "You gave y − p: that is the way down, the gradient points up.",
    lambda logits, labels: -cross_entropy_gradient(logits, labels),
    "You gave p alone: at the label it is p − 1.",
    lambda logits, labels: softmax(logits) / len(labels),
    "You gave the label's entry only: the other scores push, too, each by its probability.",
    lambda logits, labels: cross_entropy_gradient(logits, labels) * np.eye(logits.shape[1])[labels],
    "You gave −1/p at the label: that is the slope for p, and the softmax has one of its own.",
    lambda logits, labels: -np.eye(logits.shape[1])[labels] / softmax(logits) / len(labels),
    "You multiplied by p(1 − p): with cross-entropy that factor cancels.",
    lambda logits, labels: (
        cross_entropy_gradient(logits, labels) * softmax(logits) * (1 - softmax(logits))
    ),
    "You divided by the number of classes as well: the mean runs over the examples.",
    lambda logits, labels: cross_entropy_gradient(logits, labels) / logits.shape[1],
)


@exercise()
def hinge(scores, targets):
    """Return the mean hinge loss, max(0, 1 − y z).

    Args:
        scores: The weighted sums z, of shape ``(examples,)``.
        targets: The classes y, 1.0 or −1.0.

    Returns:
        One number.
    """
    return float(np.mean(np.maximum(0, 1 - targets * scores)))


@hinge.cases
def _(rng):
    yield np.array([2.0, 0.5, -1.0]), np.array([1.0, 1.0, 1.0])
    yield np.array([0.2, -0.6, 3.0]), np.array([-1.0, -1.0, 1.0])
    for _ in range(3):
        yield rng.normal(scale=2, size=6), rng.choice([-1.0, 1.0], size=6)


hinge.hints(
    "The margin is y·z: positive where the side is right, and 1 or more where it is clearly right.",
    "What is short of 1 costs what it is short of. Nothing is earned beyond.",
)

hinge.mistakes(
    "You let a large margin earn something: below 0 the loss is cut off.",
    lambda scores, targets: float(np.mean(1 - targets * scores)),
    "You took the classes for 0 and 1: with −1 an example pulls the other way.",
    lambda scores, targets: hinge(scores, (targets + 1) / 2),
    "You asked for the right side only: the margin has to reach 1.",
    lambda scores, targets: float(np.mean(np.maximum(0, -targets * scores))),
    "You summed over the examples: the loss is their mean.",
    lambda scores, targets: len(scores) * hinge(scores, targets),
    "You counted the mistakes: the hinge says by how much the margin is short of 1.",
    lambda scores, targets: float(np.mean(targets * scores <= 0)),
    "You counted the margins below 1: the hinge also says by how much.",
    lambda scores, targets: float(np.mean(targets * scores < 1)),
    "You added the margin: 1 − y z falls as the answer gets better.",
    lambda scores, targets: float(np.mean(np.maximum(0, 1 + targets * scores))),
    "You squared it: that is the squared hinge.",
    lambda scores, targets: float(np.mean(np.maximum(0, 1 - targets * scores) ** 2)),
    "You cut off after the mean: each example's loss is cut off by itself.",
    lambda scores, targets: float(max(0, np.mean(1 - targets * scores))),
    "You returned a loss for each example: take their mean.",
    lambda scores, targets: np.maximum(0, 1 - targets * scores),
    "You took the sign of z first: how far z lies from the line counts.",
    lambda scores, targets: float(np.mean(np.maximum(0, 1 - targets * np.sign(scores)))),
)


@exercise()
def kl_divergence(p, q):
    """Return Σ p log(p / q): what it costs to believe q where p is true.

    Args:
        p: The true distribution, of shape ``(classes,)``; an entry may be 0, and adds nothing.
        q: What is believed; never 0.

    Returns:
        One number, in nats.
    """
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


@kl_divergence.cases
def _(rng):
    yield np.array([0.5, 0.5]), np.array([0.9, 0.1])
    yield np.array([0.0, 0.25, 0.75]), np.array([0.2, 0.3, 0.5])
    for classes in (3, 5):
        yield rng.dirichlet(np.ones(classes)), rng.dirichlet(np.ones(classes))


kl_divergence.hints(
    "Each class costs log(p / q), and comes up with probability p.",
    "Where p is 0 the term is 0, by its limit; NumPy makes 0 · log 0 not a number.",
)

kl_divergence.mistakes(
    "You exchanged the arguments: the true distribution weighs, and stands on top.",
    quietly(lambda p, q: float(np.sum(q * np.log(q / p)))),
    "You gave the cross-entropy −Σ p log q: the entropy of p is taken off.",
    lambda p, q: float(-np.sum(p * np.log(q))),
    "You let 0 · log 0 stand: where p is 0, the term is 0.",
    quietly(lambda p, q: float(np.sum(p * np.log(p / q)))),
    "You used the logarithm to base 2: nats are asked for.",
    lambda p, q: kl_divergence(p, q) / np.log(2),
    "You left the weights p out: each class counts as often as it comes up.",
    lambda p, q: float(np.sum(np.log(p[p > 0] / q[p > 0]))),
    "You took the mean over the classes: the terms are summed.",
    lambda p, q: kl_divergence(p, q) / len(p),
    "You turned the fraction over: log(q / p) is negative where p is larger.",
    lambda p, q: -kl_divergence(p, q),
    "You kept one term for each class: their sum is asked for.",
    quietly(lambda p, q: np.where(p > 0, p * np.log(p / q), 0.0)),
    "You compared by squares: each class costs p log(p / q).",
    lambda p, q: float(np.sum((p - q) ** 2)),
    "You took the terms without their signs: those of classes where q is larger are negative.",
    lambda p, q: float(np.sum(abs(p * np.log(np.where(p > 0, p, 1) / q)))),
    "You compared by absolute differences: each class costs p log(p / q).",
    lambda p, q: float(np.sum(abs(p - q))),
    "You measured q from p: the terms are weighted with p, and p stands above.",
    lambda p, q: float(np.sum(q[p > 0] * np.log(q[p > 0] / p[p > 0]))),
)
