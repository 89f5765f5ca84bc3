"""Ways to break a training run: each a few lines of code that somebody has written in earnest.

A `Trial` is a training that works, drawn from a seed: data, network, optimizer. Each fault of
`FAULTS` breaks it in one way, as strongly as the seed says. `trained` runs it, watched.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import companion

DATA = ("digits", "cancer", "patches")
IMAGES = ("digits", "patches")
PLAIN = ("mlp", "wide", "cnn")
NORMALIZED = ("normalized mlp", "normalized wide", "normalized cnn")
NETWORKS = (*PLAIN, *NORMALIZED)
CROSS_ENTROPY = "sparse_categorical_crossentropy"
RATES = {
    "adam": (1e-3, 3e-3),
    "sgd": (0.03, 0.1),
    "momentum": (0.01, 0.03),
    "rmsprop": (1e-3, 2e-3),
}


@dataclass
class Trial:
    """A training as it is about to begin.

    Attributes:
        rng: Where all that is drawn comes from.
        data: The name of its data set.
        network: The kind of its network.
        x: Training examples.
        y: Their classes.
        held_x: Validation examples.
        held_y: Their classes.
        layers: How the network is built otherwise than usual; see `network`.
        optimizer: Keras's name of it, or ``"momentum"``.
        rate: The learning rate.
        loss: As `compile` takes it.
        fit: What `fit` is told besides the data.
        before_fit: What is done to the model between `compile` and `fit`.
        split_in_fit: The share of examples that `fit` holds out itself.
        outputs: Units of the last layer; as many as there are classes by default.
    """

    rng: np.random.Generator
    data: str
    network: str
    x: NDArray[Any]
    y: NDArray[Any]
    held_x: NDArray[Any]
    held_y: NDArray[Any]
    layers: dict[str, Any] = field(default_factory=dict)
    optimizer: str = "adam"
    rate: float = 1e-3
    loss: Any = CROSS_ENTROPY
    fit: dict[str, Any] = field(default_factory=dict)
    before_fit: Callable[[Any], None] | None = None
    split_in_fit: float = 0.0
    outputs: int = 0

    @property
    def classes(self) -> int:
        """The number of classes."""
        return 10 if self.data == "digits" else 2


# ---- trainings that work ------------------------------------------------------------------------


@cache
def examples(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return examples and classes of a data set that comes with scikit-learn.

    ``digits`` are 8×8 images in [0, 1]; ``cancer`` has 30 measured features, standardized;
    ``patches`` are 8×8 pieces of two photographs, and which of the two each is from.
    """
    from sklearn import datasets

    if name == "digits":
        data = companion.load("digits").train
        return data.x, data.y
    if name == "cancer":
        x, y = datasets.load_breast_cancer(return_X_y=True)
        return ((x - x.mean(0)) / x.std(0)).astype("float32"), y
    pieces = [
        photograph[row : row + 8, column : column + 8]
        for photograph in datasets.load_sample_images().images
        for row in range(0, photograph.shape[0] - 8, 16)
        for column in range(0, photograph.shape[1] - 8, 16)
    ]
    y = np.repeat([0, 1], len(pieces) // 2)
    return np.array(pieces, "float32") / 255, y


def healthy(seed: int, networks: tuple[str, ...] = NETWORKS, data: tuple[str, ...] = DATA) -> Trial:
    """Draw a training that works.

    Args:
        seed: Decides everything; networks and data sets take turns with it.
        networks: The networks to choose from.
        data: The data sets to choose from.
    """
    rng = np.random.default_rng(seed)
    network = networks[seed % len(networks)]
    data = tuple(one for one in data if one in IMAGES) if "cnn" in network else data
    name = data[seed // len(networks) % len(data)]
    x, y = examples(name)
    order = rng.permutation(len(y))
    count = min(600, len(y) * 2 // 3)
    training, validation = order[:count], order[count : count + 200]
    optimizer = str(rng.choice(list(RATES)))
    low, high = RATES[optimizer]
    layers = {
        "hidden": int(rng.integers(1, 4)),
        "activation": str(rng.choice(["relu", "relu", "tanh"])),
        "dropout": float(rng.choice([0.0, 0.0, 0.2])),
        "penalty": float(rng.choice([0.0, 0.0, 1e-4])),
    }
    logits = bool(rng.random() < 0.25)
    trial = Trial(
        rng,
        name,
        network,
        x[training],
        y[training],
        x[validation],
        y[validation],
        layers,
        optimizer,
        rate=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        fit={"batch_size": int(rng.choice([16, 32])), "epochs": int(rng.integers(8, 13))},
    )
    if logits:
        from keras.losses import SparseCategoricalCrossentropy

        trial.layers["last"], trial.loss = ("linear",), SparseCategoricalCrossentropy(True)
    return trial


def network(
    kind: str,
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 2,
    units: int = 32,
    activation: str = "relu",
    kernel: Any = None,
    bias: Any = "zeros",
    penalty: float = 0.0,
    dropout: float = 0.0,
    training: bool = False,
    momentum: float = 0.9,
    last: tuple[str, ...] = ("softmax",),
) -> Any:
    """Build a small classifier.

    Args:
        kind: One of `NETWORKS`.
        shape: Shape of an example.
        classes: Number of classes.
        hidden: Hidden layers.
        units: Units of each; four times as many in a wide network, half as many channels in a CNN.
        activation: That of the hidden layers.
        kernel: Initializer of their kernels; He's for ReLU and Glorot's for others by default.
        bias: Initializer of their biases.
        penalty: λ of an L2 penalty on all kernels.
        dropout: Rate of a dropout after each hidden layer.
        training: Whether batch normalization is called with ``training=True``, always.
        momentum: That of batch normalization.
        last: Activations of the last layers; the first of them has the weights.
    """
    import keras
    from keras import layers

    kernel = kernel or ("he_normal" if activation == "relu" else "glorot_uniform")
    shared = {"kernel_regularizer": keras.regularizers.L2(penalty)} if penalty else {}
    normalized, convolves = "normalized" in kind, "cnn" in kind
    units = 4 * units if "wide" in kind else units // 2 if convolves else units
    nonlinear = None if normalized else activation
    inputs = x = keras.Input(shape)
    if not convolves:
        x = layers.Flatten()(x)
    for number in range(hidden):
        options = {"kernel_initializer": _anew(kernel), "bias_initializer": bias, **shared}
        if convolves:
            x = layers.Conv2D(units, 3, padding="same", activation=nonlinear, **options)(x)
            x = layers.MaxPooling2D(2)(x) if number < 2 else x
        else:
            x = layers.Dense(units, nonlinear, **options)(x)
        if normalized:
            normalize = layers.BatchNormalization(momentum=momentum)
            x = (_always_training(normalize) if training else normalize)(x)
            x = layers.Activation(activation)(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
    if convolves:
        x = layers.Flatten()(x)
    x = layers.Dense(classes, last[0], **shared)(x)
    for extra in last[1:]:
        x = layers.Reshape((classes,))(x) if extra == "reshape" else layers.Activation(extra)(x)
    return keras.Model(inputs, x)


def _always_training(layer: Any) -> Any:
    """Wrap a layer as own layers do that hand `training=True` on.

    In a functional model the argument alone does no harm: Keras 3 overrides it in `predict`.
    """
    import keras

    class AlwaysTraining(keras.layers.Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            return self.inner(x, training=True)

    return AlwaysTraining(layer)


def _anew(initializer: Any) -> Any:
    """Return an initializer of which no two layers share the draw."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def trained(trial: Trial) -> Any:
    """Train a trial with plain Keras, watched.

    Returns:
        Its `companion.Examination`.
    """
    import keras

    from companion.training.examination import Examination

    keras.utils.clear_session()
    keras.utils.set_random_seed(int(trial.rng.integers(2**31)))
    outputs = trial.outputs or trial.classes
    model = network(trial.network, trial.x.shape[1:], outputs, **trial.layers)
    optimizer = {
        "adam": keras.optimizers.Adam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
        "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    }[trial.optimizer](trial.rate)
    model.compile(optimizer, trial.loss, metrics=["accuracy"], jit_compile=False)
    if trial.before_fit:
        trial.before_fit(model)
    validation: dict[str, Any] = {"validation_data": (trial.held_x, trial.held_y)}
    if trial.split_in_fit:
        validation = {"validation_split": trial.split_in_fit}
    options = {name: value for name, value in trial.fit.items() if name != "epochs"}
    examination = Examination(trial.x, trial.y, **validation, **options)
    model.fit(trial.x, trial.y, **validation, **trial.fit, verbose=0, callbacks=[examination])
    return examination


# ---- what breaks them ---------------------------------------------------------------------------

Break = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """A way to break a training.

    Attributes:
        breaks: Changes a healthy trial.
        networks: The networks in which it can be made.
        data: The data sets in which it can be made.
    """

    breaks: Break
    networks: tuple[str, ...] = NETWORKS
    data: tuple[str, ...] = DATA

    def drawn(self, seed: int) -> Trial:
        """Return a trial that is broken in this way, as strongly as the seed says."""
        trial = healthy(seed, self.networks, self.data)
        self.breaks(trial)
        return trial


FAULTS: dict[str, Fault] = {}


def fault(name: str, **where: tuple[str, ...]) -> Callable[[Break], Break]:
    """Make the decorated function the fault `name`."""

    def add(breaks: Break) -> Break:
        FAULTS[name] = Fault(breaks, **where)
        return breaks

    return add


def between(trial: Trial, low: float, high: float) -> float:
    """Draw a number evenly on a logarithmic scale."""
    return float(np.exp(trial.rng.uniform(np.log(low), np.log(high))))


@fault("missing numbers")
def _(trial: Trial) -> None:
    """A few measurements are missing, and stand as NaN."""
    share = between(trial, 0.002, 0.05)
    rows = trial.rng.permutation(len(trial.x))[: max(1, int(share * len(trial.x)))]
    flat = trial.x.reshape(len(trial.x), -1)
    flat[rows, trial.rng.integers(flat.shape[1], size=len(rows))] = np.nan


@fault("whole numbers", data=IMAGES)
def _(trial: Trial) -> None:
    """Images in [0, 1] are turned into integers."""
    kind = str(trial.rng.choice(["uint8", "int32", "int64"]))
    trial.x, trial.held_x = trial.x.astype(kind), trial.held_x.astype(kind)


@fault("inputs out of range", networks=PLAIN)
def _(trial: Trial) -> None:
    """Nobody has divided by 255, or whatever the unit is."""
    unit = between(trial, 16, 255)
    trial.x, trial.held_x = trial.x * np.float32(unit), trial.held_x * np.float32(unit)


@fault("classes missing")
def _(trial: Trial) -> None:
    """The file is sorted by class, and `validation_split` takes its last rows."""
    order = np.argsort(trial.y, kind="stable")
    trial.x, trial.y = trial.x[order], trial.y[order]
    trial.split_in_fit = float(trial.rng.choice([0.1, 0.2, 0.3]))


@fault("leak")
def _(trial: Trial) -> None:
    """A part of the validation examples was copied into training, or the other way round."""
    count = int(trial.rng.uniform(0.1, 1.0) * len(trial.held_x))
    trial.x = np.concatenate([trial.x, trial.held_x[:count]])
    trial.y = np.concatenate([trial.y, trial.held_y[:count]])


@fault("sorted batches")
def _(trial: Trial) -> None:
    """The examples come class by class, and nothing shuffles them."""
    order = np.argsort(trial.y + trial.rng.uniform(0, 0.5, len(trial.y)), kind="stable")
    stray = trial.rng.permutation(len(order))[: int(trial.rng.uniform(0, 0.3) * len(order))]
    order[np.sort(stray)] = order[stray]
    trial.x, trial.y = trial.x[order], trial.y[order]
    trial.fit["shuffle"] = False


@fault("class weights turned round")
def _(trial: Trial) -> None:
    """Half of the classes are rare, and weigh by their count, not by its inverse."""
    left = trial.rng.uniform(0.1, 0.4)

    def kept(y: NDArray[Any]) -> NDArray[Any]:
        return (y >= trial.classes // 2) | (trial.rng.random(len(y)) < left)

    rows, held = kept(trial.y), kept(trial.held_y)
    trial.x, trial.y = trial.x[rows], trial.y[rows]
    trial.held_x, trial.held_y = trial.held_x[held], trial.held_y[held]
    counts = np.bincount(trial.y, minlength=trial.classes)
    trial.fit["class_weight"] = dict(enumerate(counts / counts.mean()))


@fault("wrong labels")
def _(trial: Trial) -> None:
    """The examples are shuffled, and their labels are not."""
    count = int(trial.rng.uniform(0.8, 1.0) * len(trial.x))
    rows = trial.rng.permutation(len(trial.x))[:count]
    trial.x[rows] = trial.x[trial.rng.permutation(rows)]
    trial.held_x = trial.held_x[trial.rng.permutation(len(trial.held_x))]


@fault("softmax twice")
def _(trial: Trial) -> None:
    """A softmax stands in the last layer, and another one after it."""
    trial.layers["last"], trial.loss = ("softmax", "softmax"), CROSS_ENTROPY


@fault("probabilities taken for logits")
def _(trial: Trial) -> None:
    """The model ends in a softmax, and the loss takes it for logits."""
    import keras

    trial.layers["last"] = ("softmax", "reshape")  # Keras mends a bare softmax on TensorFlow
    trial.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@fault("logits taken for probabilities")
def _(trial: Trial) -> None:
    """The last layer has no activation, and the loss has its default."""
    trial.layers["last"] = (str(trial.rng.choice(["linear", "relu", "tanh"])),)
    trial.loss = CROSS_ENTROPY


@fault("wrong loss")
def _(trial: Trial) -> None:
    """One unit is to give the number of the class, and a loss for numbers judges it."""
    losses = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
    trial.outputs, trial.loss = 1, str(trial.rng.choice(losses))
    trial.layers["last"] = (str(trial.rng.choice(["linear", "relu"])),)


@fault("penalty too strong", networks=PLAIN)
def _(trial: Trial) -> None:
    """λ is a hundred times what helps."""
    trial.layers["penalty"] = between(trial, 0.1, 3.0)


@fault("weights alike", networks=PLAIN)
def _(trial: Trial) -> None:
    """All weights of a layer begin with the same number."""
    import keras

    trial.layers["kernel"] = keras.initializers.Constant(float(trial.rng.choice([0.0, 0.01, 0.1])))


@fault("frozen layers")
def _(trial: Trial) -> None:
    """The hidden layers, or the first of them, were frozen, and nobody has thawed them."""
    whole = bool(trial.rng.random() < 0.5)

    def freeze(model: Any) -> None:
        kernels = [layer for layer in model.layers[:-1] if layer.weights]
        for layer in kernels if whole else kernels[:1]:
            layer.trainable = False
        model.compile_from_config(model.get_compile_config())

    trial.before_fit = freeze


@fault("dead units", networks=PLAIN)
def _(trial: Trial) -> None:
    """The biases begin far below zero."""
    import keras

    low = float(trial.rng.uniform(6, 12)) if trial.data == "cancer" else trial.rng.uniform(3, 6)
    trial.layers["activation"] = "relu"
    trial.layers["bias"] = keras.initializers.Constant(-float(low))


@fault("saturated units", networks=PLAIN)
def _(trial: Trial) -> None:
    """Tanh or sigmoid, and first weights of deviation 1 or more."""
    import keras

    trial.layers |= {"activation": str(trial.rng.choice(["tanh", "sigmoid"])), "penalty": 0.0}
    trial.layers["kernel"] = keras.initializers.RandomNormal(0, between(trial, 1.5, 4.0))


@fault("vanishing gradients", networks=PLAIN)
def _(trial: Trial) -> None:
    """A deep stack of sigmoids."""
    trial.layers |= {"activation": "sigmoid", "hidden": int(trial.rng.integers(8, 13))}
    trial.layers["penalty"] = 0.0


@fault("exploding gradients", networks=PLAIN)
def _(trial: Trial) -> None:
    """A deep stack with first weights several times He's."""
    import keras

    gain = between(trial, 6, 18)
    trial.layers["kernel"] = keras.initializers.VarianceScaling(gain, "fan_in")
    trial.layers |= {"activation": "relu", "hidden": int(trial.rng.integers(6, 10))}


@fault("rate too high", networks=PLAIN)
def _(trial: Trial) -> None:
    """A learning rate thirty times too high or more; Adam forgives a hundred."""
    trial.optimizer = str(trial.rng.choice(["sgd", "momentum", "adam"]))
    forgiven = 10 if trial.optimizer == "adam" else 1
    trial.rate = RATES[trial.optimizer][1] * forgiven * between(trial, 30, 300)


@fault("rate too low")
def _(trial: Trial) -> None:
    """A learning rate a thousand times too low."""
    trial.rate *= between(trial, 1e-4, 2e-3)


@fault("overfitting", networks=PLAIN, data=("digits", "cancer"))
def _(trial: Trial) -> None:
    """A few dozen examples, some of them labelled wrongly, a wide network and many epochs."""
    count = int(trial.rng.integers(30, 90))
    trial.x, trial.y = trial.x[:count], trial.y[:count]
    wrong = trial.rng.random(count) < trial.rng.uniform(0.1, 0.2)
    other = trial.y + trial.rng.integers(1, trial.classes, size=count)
    trial.y = np.where(wrong, other % trial.classes, trial.y)
    trial.layers |= {"units": 128, "hidden": 2, "dropout": 0.0, "penalty": 0.0}
    trial.optimizer, trial.rate = "adam", between(trial, 1e-3, 3e-3)
    trial.fit |= {"epochs": 60, "batch_size": 16}


@fault("batch statistics at inference", networks=NORMALIZED)
def _(trial: Trial) -> None:
    """A layer of one's own calls batch normalization with `training=True`."""
    trial.layers["training"] = True


@fault("moving averages behind", networks=NORMALIZED)
def _(trial: Trial) -> None:
    """The moving averages of batch normalization need many times the steps that are taken."""
    import keras

    trial.layers["momentum"] = 1 - between(trial, 1e-4, 1e-3)
    trial.layers |= {"activation": "relu", "hidden": int(trial.rng.integers(3, 6))}
    trial.layers["kernel"] = keras.initializers.VarianceScaling(between(trial, 8, 32), "fan_in")
