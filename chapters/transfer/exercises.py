"""Exercises on transfer: what moves, what must not, and what frozen layers spare."""

import numpy as np

from companion.checking import exercise

# ---- new classes --------------------------------------------------------------------------------


@exercise()
def new_classes(y, seen):
    """Find the examples whose class the base has never seen, and number their classes from 0.

    Args:
        y: The class of each example, of shape ``(examples,)``.
        seen: The classes that the base was trained on.

    Returns:
        The row numbers of those examples, from 0 and in order, and their new classes: 0 for the
        smallest class that is left, then 1, and so on without gaps.
    """
    rows = np.flatnonzero(~np.isin(y, seen))
    return rows, np.unique(y[rows], return_inverse=True)[1]


@new_classes.cases
def _(rng):
    yield np.array([7, 0, 5, 9, 5, 3]), np.array([0, 1, 2, 3, 4])
    for classes in (8, 12):
        y = np.concatenate([rng.permutation(classes), rng.integers(0, classes, 12)])
        yield y, np.sort(rng.choice(np.arange(1, classes - 1), 3, replace=False))


new_classes.hints(
    "`np.isin(y, seen)` says which examples have a class that the base knows.",
    "A softmax of k units wants classes from 0 to k − 1: 5, 7, 9 become 0, 1, 2.",
    "`np.unique(…, return_inverse=True)` sorts what is there, and numbers it.",
)


def _kept(y, seen):
    return np.flatnonzero(~np.isin(y, seen))


def _in_order_of_appearance(labels):
    first = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    return np.array([first[label] for label in labels.tolist()])


new_classes.mistakes(
    "You kept the old numbers: a softmax of as many units as there are new classes counts from 0.",
    lambda y, seen: (_kept(y, seen), y[_kept(y, seen)]),
    "You took the smallest class off: gaps stay where a class in between was seen or is missing.",
    lambda y, seen: (_kept(y, seen), y[_kept(y, seen)] - y[_kept(y, seen)].min()),
    "You took as many off as were seen: that holds only if those came first and none is missing.",
    lambda y, seen: (_kept(y, seen), y[_kept(y, seen)] - len(seen)),
    "You numbered classes as they came: sort them first, or each split gets numbers of its own.",
    lambda y, seen: (_kept(y, seen), _in_order_of_appearance(y[_kept(y, seen)])),
    "You kept the classes that were seen: a study of transfer asks for the others.",
    lambda y, seen: (
        np.flatnonzero(np.isin(y, seen)),
        np.unique(y[np.isin(y, seen)], return_inverse=True)[1],
    ),
    "You numbered all classes together: the seen ones take numbers that belong to the new.",
    lambda y, seen: (
        _kept(y, seen),
        np.unique(np.concatenate([y, seen]), return_inverse=True)[1][_kept(y, seen)],
    ),
    "You returned a mask: the numbers of the rows are asked for.",
    lambda y, seen: (~np.isin(y, seen), new_classes(y, seen)[1]),
    "You numbered all classes of `y` together: the seen ones take numbers that belong to the new.",
    lambda y, seen: (_kept(y, seen), np.unique(y, return_inverse=True)[1][_kept(y, seen)]),
    "You numbered from the largest down: 0 is for the smallest class.",
    lambda y, seen: (
        _kept(y, seen),
        new_classes(y, seen)[1].max() - new_classes(y, seen)[1],
    ),
    "You counted from 1: the smallest class is 0.",
    lambda y, seen: (_kept(y, seen), new_classes(y, seen)[1] + 1),
)


# ---- preprocessing ------------------------------------------------------------------------------


@exercise()
def prepared(images, mode, means):
    """Bring images to what a pretrained network was trained on.

    ``"tf"`` (MobileNet): from [0, 1] to [−1, 1]. ``"caffe"`` (VGG, ResNet): colours in the order
    blue, green, red, from 0 to 255, less the mean of each.

    Args:
        images: In [0, 1], of shape ``(n, height, width, 3)``, colours red, green, blue.
        mode: ``"tf"`` or ``"caffe"``.
        means: Of blue, green and red in ImageNet's images, from 0 to 255.

    Returns:
        Numbers of the same shape.
    """
    if mode == "tf":
        return 2 * images - 1
    return 255 * images[..., ::-1] - means


@prepared.cases
def _(rng):
    means = np.array([103.939, 116.779, 123.68])
    for mode in ("tf", "caffe"):
        yield np.array([[[[0.0, 0.5, 1.0]]]]), mode, means
        yield rng.random((2, 2, 3, 3)), mode, means


prepared.hints(
    "What range do the images come in, and what range is wanted?",
    "From [0, 1] to [−1, 1]: stretch by 2, then shift.",
    "`images[..., ::-1]` turns the order of the colours round; the means are blue first.",
)


def _prepared(images, mode, means, tf=None, caffe=None):
    """Prepare with one mode done otherwise."""
    if mode == "tf" and tf:
        return tf(images)
    if mode == "caffe" and caffe:
        return caffe(images, means)
    return prepared(images, mode, means)


prepared.mistakes(
    "You left [0, 1] for MobileNet: it was trained on [−1, 1], and [0, 1] is half of that.",
    lambda x, mode, means: _prepared(x, mode, means, tf=lambda x: x),
    "You divided by 127.5 as if pixels went to 255: these images are in [0, 1] already.",
    lambda x, mode, means: _prepared(x, mode, means, tf=lambda x: x / 127.5 - 1),
    "You prepared twice: what was in [−1, 1] came out in [−3, 1].",
    lambda x, mode, means: _prepared(x, mode, means, tf=lambda x: 2 * (2 * x - 1) - 1),
    "You only shifted by ½: that is [−½, ½].",
    lambda x, mode, means: _prepared(x, mode, means, tf=lambda x: x - 0.5),
    "You left the colours in the order red, green, blue: VGG's weights want blue first.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: 255 * x - m),
    "Red lost blue's mean, and blue lost red's: the means are blue first, as the colours are once "
    "they are turned round.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: (255 * x - m)[..., ::-1]),
    "You took means of 0 to 255 off images in [0, 1]: stretch them first.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: x[..., ::-1] - m),
    "You forgot the means: VGG's inputs lie about 0.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: 255 * x[..., ::-1]),
    "You exchanged the modes: MobileNet wants [−1, 1], VGG and ResNet want caffe's.",
    lambda x, mode, means: prepared(x, "caffe" if mode == "tf" else "tf", means),
    "You took the images' own mean off: the means are those of ImageNet's colours.",
    lambda x, mode, means: _prepared(
        x, mode, means, caffe=lambda x, m: 255 * (x[..., ::-1] - x.mean())
    ),
    "You added the means: they are taken off.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: 255 * x[..., ::-1] + m),
    'You brought every network caffe\'s images: for "tf" they lie in [−1, 1].',
    lambda x, mode, means: prepared(x, "caffe", means),
    "You turned the images round, left for right: it is the colours that change their order.",
    lambda x, mode, means: _prepared(x, mode, means, caffe=lambda x, m: 255 * x[:, :, ::-1] - m),
    "You divided by 255 in the end: caffe's images keep the range from 0 to 255.",
    lambda x, mode, means: _prepared(
        x, mode, means, caffe=lambda x, m: (255 * x[..., ::-1] - m) / 255
    ),
)


# ---- which numbers move -------------------------------------------------------------------------


@exercise()
def trainable_parameters(kernels, locked, classes):
    """Count what fine-tuning trains: convolutions without biases, normalized, under a new head.

    Behind each convolution stands a batch normalization, which stays locked in every stage. The
    last maps are averaged over their places, so the head, a dense layer with biases, reads one
    number of each.

    Args:
        kernels: ``[height, width, channels, filters]`` of each convolution, from the input up.
        locked: How many of the lowest convolutions are frozen.
        classes: Units of the head.

    Returns:
        How many numbers a gradient moves.
    """
    head = (kernels[-1][-1] + 1) * classes
    return head + sum(int(np.prod(kernel)) for kernel in kernels[locked:])


@trainable_parameters.cases
def _(rng):
    tower = [[3, 3, 1, 16], [3, 3, 16, 32], [3, 3, 32, 64]]
    yield tower, 3, 5
    yield tower, 2, 5
    yield tower, 0, 5
    widths = rng.integers(4, 30, 5).tolist()
    yield [[3, 3, *widths[k : k + 2]] for k in range(4)], 1, int(rng.integers(3, 9))


trainable_parameters.hints(
    "The head is new, so it always moves. How many weights and biases has it?",
    "Normalization stays locked: none of its four arrays counts.",
    "`kernels[locked:]` are the convolutions that are open.",
)


def _trainable(kernels, locked, classes, *, norm=0, bias=1, head=1, opened=None):
    """Count with one thing done otherwise."""
    chosen = kernels[locked:] if opened is None else opened(kernels, locked)
    counted = sum(int(np.prod(kernel)) + norm * kernel[-1] for kernel in chosen)
    return counted + head * (kernels[-1][-1] + bias) * classes


trainable_parameters.mistakes(
    "You counted all four arrays of normalization: it stays locked, and two are never learned.",
    lambda kernels, locked, classes: _trainable(kernels, locked, classes, norm=4),
    "You counted γ and β: normalization stays locked, with what it has learned.",
    lambda kernels, locked, classes: _trainable(kernels, locked, classes, norm=2),
    "You gave the convolutions biases: with normalization behind them, they have none.",
    lambda kernels, locked, classes: _trainable(kernels, locked, classes, norm=1),
    "You left the head out: it is new, and moves in every strategy.",
    lambda kernels, locked, classes: _trainable(kernels, locked, classes, head=0),
    "You forgot the head's biases.",
    lambda kernels, locked, classes: _trainable(kernels, locked, classes, bias=0),
    "You opened the lowest layers: these stay locked; what is near the head opens first.",
    lambda kernels, locked, classes: _trainable(
        kernels, locked, classes, opened=lambda k, n: k[: len(k) - n]
    ),
    "You counted what is frozen, and no head: what is trained is asked for.",
    lambda kernels, locked, classes: _trainable(
        kernels, locked, classes, opened=lambda k, n: k[:n], head=0
    ),
    "You counted every convolution: the locked ones do not train.",
    lambda kernels, locked, classes: _trainable(kernels, 0, classes),
    "You gave all parameters, as `summary` totals them: neither locked layers nor normalization "
    "train.",
    lambda kernels, locked, classes: _trainable(kernels, 0, classes, norm=4),
    "You locked one layer too many.",
    lambda kernels, locked, classes: _trainable(kernels, locked + 1, classes),
    "You counted the convolutions that are frozen: those above them are trained.",
    lambda kernels, locked, classes: (
        sum(int(np.prod(one)) for one in kernels[:locked]) + (kernels[-1][3] + 1) * classes
    ),
    "You gave each convolution biases: these have none.",
    lambda kernels, locked, classes: (
        trainable_parameters(kernels, locked, classes) + sum(one[3] for one in kernels)
    ),
    "You let the head read every place under a kernel: each map gives it one number.",
    lambda kernels, locked, classes: (
        trainable_parameters(kernels, locked, classes)
        + (kernels[-1][0] * kernels[-1][1] - 1) * kernels[-1][3] * classes
    ),
)


# ---- normalization in a frozen base -------------------------------------------------------------


@exercise(points=2)
def frozen_batch_norm(x, gamma, beta, mean, variance, training, trainable):
    """Return what batch normalization answers, and its moving averages afterwards.

    As in Keras it looks at the batch only if it is called with ``training=True`` and its own
    ``trainable`` is True. Then 0.9 of each moving average is kept, and 0.1 of the batch's comes in
    (its variance is divided by the number of examples). Otherwise it keeps to the moving averages
    and leaves them as they are. ε is 0.001.

    Args:
        x: Of shape ``(examples, features)``.
        gamma: γ of each feature.
        beta: β of each feature.
        mean: The moving mean of each feature.
        variance: The moving variance of each feature.
        training: How the layer is called.
        trainable: Whether the layer may be trained.

    Returns:
        Answers of shape ``(examples, features)``, the moving mean and the moving variance.
    """
    looks = training and trainable
    now, spread = (x.mean(axis=0), x.var(axis=0)) if looks else (mean, variance)
    if looks:
        mean, variance = 0.9 * mean + 0.1 * now, 0.9 * variance + 0.1 * spread
    return gamma * (x - now) / np.sqrt(spread + 0.001) + beta, mean, variance


@frozen_batch_norm.cases
def _(rng):
    for training, trainable in ((True, True), (True, False), (False, True), (False, False)):
        x = rng.normal(2, 3, (4, 3))
        gamma, beta, mean = rng.normal(size=(3, 3))
        yield x, gamma, beta, mean, rng.uniform(0.5, 2, 3), training, trainable


frozen_batch_norm.hints(
    "There are two switches. When does the layer look at the batch?",
    "Both must be on. In a frozen base, `trainable` is off whatever `training` is.",
    "What is normalized by, and what is kept for later, are two things; both depend on "
    "whether the layer looks at the batch.",
)


def _norm(x, gamma, beta, mean, variance, looks, moves, kept=0.9):
    """Normalize by the batch if it `looks`; move the averages if it `moves`."""
    batch = x.mean(axis=0), x.var(axis=0)
    now, spread = batch if looks else (mean, variance)
    if moves:
        mean = kept * mean + (1 - kept) * batch[0]
        variance = kept * variance + (1 - kept) * batch[1]
    return gamma * (x - now) / np.sqrt(spread + 0.001) + beta, mean, variance


frozen_batch_norm.mistakes(
    "Your averages move whatever the switches say: they move while the layer is trained only.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, training and trainable, True),
    "You looked at the batch whenever `training` is on: a frozen layer keeps to its averages.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, training, training),
    "You took `trainable` for `training`: at inference no layer looks at the batch.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, trainable, trainable),
    "Your frozen layer answers well, but its averages move on: they must stay as they are.",
    lambda x, g, b, m, v, training, trainable: _norm(
        x, g, b, m, v, training and trainable, training
    ),
    "You froze the averages, and still normalize by the batch: a frozen layer uses its averages.",
    lambda x, g, b, m, v, training, trainable: _norm(
        x, g, b, m, v, training, training and trainable
    ),
    "Your averages never move: while the layer is trained, 0.1 of the batch's comes in.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, training and trainable, False),
    "You kept 0.1 of the averages and took 0.9 of the batch: Keras's momentum is what is kept.",
    lambda x, g, b, m, v, training, trainable: _norm(
        x, g, b, m, v, training and trainable, training and trainable, 0.1
    ),
    "You asked for one switch to be on: both must be.",
    lambda x, g, b, m, v, training, trainable: _norm(
        x, g, b, m, v, training or trainable, training or trainable
    ),
    "You normalized by the moving averages while training: there the batch's own are used.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, False, training and trainable),
    "You normalized by the averages after they had moved: the batch's own are used.",
    lambda x, g, b, m, v, training, trainable: (
        _norm(x, g, b, *_norm(x, g, b, m, v, True, training and trainable)[1:], False, False)[0],
        *_norm(x, g, b, m, v, True, training and trainable)[1:],
    ),
    "You looked at the batch always: both switches must be on.",
    lambda x, g, b, m, v, training, trainable: _norm(x, g, b, m, v, True, True),
)


# ---- a head on frozen features ------------------------------------------------------------------


@exercise(points=2)
def linear_probe(features, y, classes, penalty):
    """Return the linear head that comes nearest to one-hot targets, under an L2 penalty.

    W = (Φᵀ Φ + λ I)⁻¹ Φᵀ Y, where the mean over the examples is taken off each column of the
    features Φ and of the targets Y first. The bias makes the answer to the mean features the mean
    target.

    Args:
        features: Φ, of shape ``(examples, features)``, from a frozen base.
        y: Classes from 0, of shape ``(examples,)``.
        classes: How many classes there are.
        penalty: λ, for the kernel alone.

    Returns:
        W of shape ``(features, classes)`` and the bias of shape ``(classes,)``.
    """
    targets = np.eye(classes)[y]
    centre, shares = features.mean(axis=0), targets.mean(axis=0)
    phi = features - centre
    inverted = np.linalg.inv(phi.T @ phi + penalty * np.eye(phi.shape[1]))
    kernel = inverted @ phi.T @ (targets - shares)
    return kernel, shares - centre @ kernel


@linear_probe.cases
def _(rng):
    for examples, width, classes, penalty in ((8, 3, 2, 0.5), (12, 4, 3, 2.0)):
        y = np.concatenate([np.arange(classes), rng.integers(0, classes, examples - classes)])
        yield rng.normal(1, 1, (examples, width)), y, classes, penalty


linear_probe.hints(
    "`np.eye(classes)[y]` makes one-hot rows of classes.",
    "Take the means off first: otherwise the bias would be penalized, or missing.",
    "The bias is mean target − mean features · W.",
)


def _probe(features, y, classes, penalty, *, one_hot=None, center=True, ridge=None, bias=None):
    """Solve with one thing done otherwise."""
    targets = np.eye(classes)[y] if one_hot is None else one_hot(y, classes)
    centre, shares = features.mean(axis=0), targets.mean(axis=0)
    phi, aims = (features - centre, targets - shares) if center else (features, targets)
    size = phi.shape[1]
    added = penalty * np.eye(size) if ridge is None else ridge(phi, penalty)
    kernel = np.linalg.solve(phi.T @ phi + added, phi.T @ aims)
    return kernel, (shares - centre @ kernel) if bias is None else bias(shares, centre, kernel)


def _penalized_bias(features, y, classes, penalty):
    wide = np.column_stack([features, np.ones(len(features))])
    solved = np.linalg.solve(
        wide.T @ wide + penalty * np.eye(wide.shape[1]), wide.T @ np.eye(classes)[y]
    )
    return solved[:-1], solved[-1]


linear_probe.mistakes(
    "You took no means off, and gave no bias: the kernel alone cannot do both.",
    lambda f, y, k, p: _probe(
        f, y, k, p, center=False, bias=lambda shares, centre, kernel: 0 * shares
    ),
    "You divided the features by their deviations: the kernel is for the features as they are.",
    lambda f, y, k, p: _probe(
        (f - f.mean(axis=0)) / f.std(axis=0),
        y,
        k,
        p,
        bias=lambda shares, centre, kernel: shares - f.mean(axis=0) @ kernel,
    ),
    "You penalized the bias as well: λ is for the kernel.",
    _penalized_bias,
    "You left the penalty out: with more features than examples, Φᵀ Φ has no inverse.",
    lambda f, y, k, p: _probe(f, y, k, p, ridge=lambda phi, p: 0 * np.eye(phi.shape[1])),
    "You multiplied λ by the number of examples: the sum of squares is asked for, not the mean.",
    lambda f, y, k, p: _probe(f, y, k, p, ridge=lambda phi, p: p * len(phi) * np.eye(phi.shape[1])),
    "You added λ to every entry of Φᵀ Φ: λ I is on the diagonal.",
    lambda f, y, k, p: _probe(f, y, k, p, ridge=lambda phi, p: p + 0 * np.eye(phi.shape[1])),
    "You squared λ.",
    lambda f, y, k, p: _probe(f, y, k, p**2),
    "You did not take the means off: the kernel then has to do the bias's work.",
    lambda f, y, k, p: _probe(f, y, k, p, center=False),
    "You gave no bias: the answer to the mean features must be the mean target.",
    lambda f, y, k, p: _probe(f, y, k, p, bias=lambda shares, centre, kernel: 0 * shares),
    "You gave the mean targets for the bias: it has to make up for the features' mean.",
    lambda f, y, k, p: _probe(f, y, k, p, bias=lambda shares, centre, kernel: shares),
    "You added what the mean features give to the bias: it has to be taken off.",
    lambda f, y, k, p: _probe(
        f, y, k, p, bias=lambda shares, centre, kernel: shares + centre @ kernel
    ),
    "You numbered classes from 1: the first unit is class 0.",
    lambda f, y, k, p: _probe(f, y, k, p, one_hot=lambda y, k: np.eye(k)[y - 1]),
    "You took targets of −1 and 1: one-hot targets are 0 and 1.",
    lambda f, y, k, p: _probe(f, y, k, p, one_hot=lambda y, k: 2 * np.eye(k)[y] - 1),
)


# ---- two stages ---------------------------------------------------------------------------------


@exercise(points=2)
def two_stages(base, head, base_gradients, head_gradients, first, rates):
    """Return base and head after two stages of SGD with momentum 0.9.

    In the first stage the base is frozen. The second one begins with a fresh optimizer, at a
    smaller rate, and moves both: v ← 0.9 v + ∂E/∂w, w ← w − η v, with v = 0 at first.

    Args:
        base: A weight vector.
        head: Another one.
        base_gradients: ∂E/∂w of the base at each step, of shape ``(steps, …)``.
        head_gradients: That of the head.
        first: How many of the steps belong to the first stage.
        rates: η of the first stage and of the second.

    Returns:
        The base and the head in the end.
    """
    for stage, steps in enumerate((range(first), range(first, len(head_gradients)))):
        of_base, of_head = np.zeros_like(base), np.zeros_like(head)
        for step in steps:
            of_head = 0.9 * of_head + head_gradients[step]
            head = head - rates[stage] * of_head
            if stage == 1:
                of_base = 0.9 * of_base + base_gradients[step]
                base = base - rates[stage] * of_base
    return base, head


@two_stages.cases
def _(rng):
    for first, steps in ((1, 2), (2, 5), (3, 5)):
        yield (
            rng.normal(size=3), rng.normal(size=2), rng.normal(size=(steps, 3)),
            rng.normal(size=(steps, 2)), first, [0.1, 0.01],
        )  # fmt: skip


two_stages.hints(
    "Write two loops, one after the other. What is set to 0 at the head of each?",
    "In the first loop, the base stays as it is, and so does its v.",
    "The second loop uses the second rate, for both.",
)


def _two_stages(
    base, head, base_gradients, head_gradients, first, rates, *,
    fresh_head=True, fresh_base=True, locked=True, head_moves=True, head_rate=None, base_rate=None,
    momentum=0.9,
):  # fmt: skip
    """Train with one thing done otherwise."""
    of_base, of_head = np.zeros_like(base), np.zeros_like(head)
    for step in range(len(head_gradients)):
        second = step >= first
        if step == first:
            of_base = np.zeros_like(base) if fresh_base else of_base
            of_head = np.zeros_like(head) if fresh_head else of_head
        of_base = momentum * of_base + base_gradients[step]
        if second or not locked:
            base = base - (rates[second] if base_rate is None else rates[base_rate]) * of_base
        if head_moves or not second:
            of_head = momentum * of_head + head_gradients[step]
            head = head - (rates[second] if head_rate is None else rates[head_rate]) * of_head
    return base, head


two_stages.mistakes(
    "You kept the head's velocity from the first stage: a model that is compiled anew has none.",
    lambda *given: _two_stages(*given, fresh_head=False),
    "You collected velocity for the base while it was frozen: at thawing it is still 0.",
    lambda *given: _two_stages(*given, fresh_base=False),
    "You kept one optimizer for both stages: compile anew, and it begins at 0.",
    lambda *given: _two_stages(*given, fresh_base=False, fresh_head=False),
    "You moved the base in the first stage: under a new head it follows what is still noise.",
    lambda *given: _two_stages(*given, locked=False),
    "You froze the head in the second stage: it goes on learning.",
    lambda *given: _two_stages(*given, head_moves=False),
    "You kept the first rate in the second stage: what is learned already wants smaller steps.",
    lambda *given: _two_stages(*given, head_rate=0, base_rate=0),
    "You lowered the rate for the base alone: the second stage has one rate for both.",
    lambda *given: _two_stages(*given, head_rate=0),
    "You took the second rate from the start: the head learns at the first one.",
    lambda *given: _two_stages(*given, head_rate=1),
    "You left the momentum out.",
    lambda *given: _two_stages(*given, momentum=0.0),
    "You began the second stage one step late: the first has `first` steps.",
    lambda base, head, base_gradients, head_gradients, first, rates: _two_stages(
        base, head, base_gradients, head_gradients, first + 1, rates
    ),
    "You walked uphill: w ← w − η v.",
    lambda *given: _two_stages(*given[:-1], [-rate for rate in given[-1]]),
    "You averaged: v ← 0.9 v + ∂E/∂w has no factor 0.1.",
    lambda *given: _two_stages(*given[:-1], [0.1 * rate for rate in given[-1]]),
)


# ---- what frozen layers spare -------------------------------------------------------------------


@exercise()
def training_work(examples, epochs, base, head, strategy):
    """Count the multiply-adds of a training.

    Forward, a layer costs what it is given as; backward twice as much, once for its weights' and
    once for its inputs' gradient (the head's, too, whatever lies below it). Nothing goes back
    through a base that is frozen. Features that are kept are computed once, before the first epoch.

    Args:
        examples: Training examples.
        epochs: Passes over them.
        base: Multiply-adds of the base for one example, forward.
        head: Those of the head.
        strategy: ``"all"``, ``"head"``, or ``"head on kept features"``.

    Returns:
        A whole number.
    """
    shown = examples * epochs
    of_base = {"all": 3 * base * shown, "head": base * shown}.get(strategy, base * examples)
    return of_base + 3 * head * shown


@training_work.cases
def _(rng):
    for strategy in ("all", "head", "head on kept features"):
        yield 100, 20, 1000, 10, strategy
        yield *rng.integers(10, 60, 2).tolist(), *rng.integers(100, 999, 2).tolist(), strategy


training_work.hints(
    "How often does an example go through the base: once, or once an epoch?",
    "A trained layer costs three times its forward pass: one forward, two backward.",
    "The head is trained in every strategy.",
)


def _work(examples, epochs, base, head, strategy, *, trained=3, frozen=1, kept=1, of_head=3):
    """Count with one thing done otherwise; `kept` is in passes of the base over all examples."""
    shown = examples * epochs
    of_base = {"all": trained * shown, "head": frozen * shown}.get(strategy, kept * examples)
    return of_base * base + of_head * head * shown


training_work.mistakes(
    "You sent gradients back through a frozen base: they end at the head.",
    lambda *given: _work(*given, frozen=3),
    "You took a frozen base to cost nothing: every example still goes forward through it.",
    lambda *given: _work(*given, frozen=0),
    "You forgot the one pass that extracts the features.",
    lambda *given: _work(*given, kept=0),
    "You ran the base in every epoch though its features are kept.",
    lambda *given: _work(*given, kept=given[1]),
    "You took backward to cost as much as forward: there are two gradients, of weights and inputs.",
    lambda *given: _work(*given, trained=2, of_head=2),
    "You counted the forward pass alone: training goes back as well.",
    lambda *given: _work(*given, trained=1, of_head=1),
    "You left the head's backward pass out: it is what is trained.",
    lambda *given: _work(*given, of_head=1),
    "You left the head out.",
    lambda *given: _work(*given, of_head=0),
    "You trained the base in every strategy: where it is frozen, it goes forward only.",
    lambda *given: _work(*given[:-1], "all"),
    "You counted a single epoch: what is trained is trained in each.",
    lambda examples, epochs, *rest: training_work(examples, 1, *rest),
    "You counted a single example: each of them goes through.",
    lambda examples, epochs, *rest: training_work(1, epochs, *rest),
    "You sent gradients back through a frozen base, and for kept features, too.",
    lambda *given: _work(*given, frozen=3, kept=3),
)
