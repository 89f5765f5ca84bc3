"""Wrong answers to the exercises of `backprop`."""

import numpy as np

from wrong_answers.building_blocks import np_sigmoid


def line(w, x, y, rate, steps, *, factor=2.0, by=None, sign=-1, stay=False):
    first = w
    for _ in range(steps):
        at = first if stay else w
        w = w + sign * rate * factor * x.T @ (x @ at - y) / (len(y) if by is None else by)
    return w


def block(kind, a, b, u, *, wrong=""):
    if wrong == "no upstream":
        u = 1.0
    if kind == "+":
        gradients = (u * a, u * b) if wrong == "sum scaled" else (u, u)
        return (u / 2, u / 2) if wrong == "shared" else gradients
    if kind == "-":
        return {"both": (u, u), "turned": (-u, u)}.get(wrong, (u, -u))
    if kind == "*":
        return (u * a, u * b) if wrong == "own" else (u * b, u * a)
    if wrong == "to both":
        return u, u
    if wrong == "smaller":
        return (u, 0.0) if a < b else (0.0, u)
    if wrong == "value":
        return (u * a, 0.0) if a > b else (0.0, u * b)
    return (u, 0.0) if a > b else (0.0, u)


def from_the_end(rows, values):
    """Every node after all that it goes into."""
    consumers = {name: [row[0] for row in rows if name in row[2:]] for name in values}
    order, waiting = [], set(values)
    while waiting:
        ready = sorted(n for n in waiting if not waiting & set(consumers[n]))
        order += ready
        waiting -= set(ready)
    return order


def graph(rows, values, output, *, wrong=""):
    as_given = wrong == "as given"
    order = [row[0] for row in rows][::-1] if as_given else from_the_end(rows, values)
    by_name = {row[0]: row for row in rows}
    gradients = dict.fromkeys(values, 0.0)
    gradients[output] = {"value": values[output], "zero": 0.0}.get(wrong, 1.0)
    for name in order:
        if name not in by_name:
            continue
        _, kind, left, right = by_name[name]
        u = 1.0 if wrong == "no chain" and gradients[name] else gradients[name]
        share = {
            "+": (1.0, 1.0),
            "-": (1.0, 1.0 if wrong == "plus" else -1.0),
            "*": (values[left], values[right]) if wrong == "own" else (values[right], values[left]),
        }[kind]
        for index, (source, factor) in enumerate(zip((left, right), share, strict=True)):
            if wrong == "once" and index and left == right:
                continue
            if wrong == "overwrite":
                gradients[source] = u * factor
            else:
                gradients[source] += u * factor
    if wrong == "inputs":
        return {name: one for name, one in gradients.items() if name not in by_name}
    if wrong == "reached":
        return {name: one for name, one in gradients.items() if one}
    return {name: float(one) for name, one in gradients.items()}


def two_layers(x, t, first, second, rate, *, wrong=""):
    hidden = np_sigmoid(x @ first)
    out = np_sigmoid(hidden @ second)
    slope = lambda a: np_sigmoid(a) * (1 - np_sigmoid(a)) if wrong == "twice" else a * (1 - a)  # noqa: E731
    top = (out - t) * (1 if wrong == "no top slope" else slope(out))
    n = 1 if wrong == "sum" else t.size if wrong == "all" else len(x)
    to_second = hidden.T @ top / n
    back = second - rate * to_second if wrong == "new weights" else second
    low = top @ back.T * (1 if wrong == "no low slope" else slope(hidden))
    to_first = x.T @ low / n
    if wrong == "gradients":
        return to_first, to_second
    sign = 1 if wrong == "up" else -1
    factor = 2 if wrong == "factor" else 1
    new = first + sign * factor * rate * to_first, second + sign * factor * rate * to_second
    return {"turned": new[::-1], "top": (first, new[1]), "low": (new[0], second)}.get(wrong, new)


def cubed(c, x, h, way):
    moved = np.eye(len(x)) * h
    f = lambda at: (c @ at) ** 3  # noqa: E731
    return np.array([way(f, x, one, h) for one in moved])


ANSWERS = {
    "backprop.relative_error": [
        lambda a, b: float(np.linalg.norm(a - b)),
        lambda a, b: float(np.linalg.norm(a - b) / np.linalg.norm(b)),
        lambda a, b: float(np.linalg.norm(a - b) / np.linalg.norm(a)),
        lambda a, b: float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))),
        lambda a, b: float(np.sum((a - b) ** 2) / max(np.sum(a**2), np.sum(b**2))),
        lambda a, b: float(np.abs(a - b).sum() / max(np.abs(a).sum(), np.abs(b).sum())),
        lambda a, b: float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())),
        lambda a, b: float(np.linalg.norm(a - b) / min(np.linalg.norm(a), np.linalg.norm(b))),
        lambda a, b: float(np.linalg.norm(a + b) / max(np.linalg.norm(a), np.linalg.norm(b))),
        lambda a, b: float(
            abs(np.linalg.norm(a) - np.linalg.norm(b)) / max(np.linalg.norm(a), np.linalg.norm(b))
        ),
    ],
    "backprop.descend": [
        lambda *a: line(*a, factor=1.0),
        lambda *a: line(*a, by=1),
        lambda *a: line(*a, sign=1),
        lambda *a: line(*a, stay=True),
        lambda w, x, y, r, n: line(w, x, y, r, n - 1),
        lambda w, x, y, r, n: line(w, x, y, r, n + 1),
        lambda w, x, y, r, n: line(w, x, -y, r, n),
        lambda w, x, y, r, n: line(w, x, y, r, 1),
        lambda w, x, y, r, n: line(0 * w, x, y, r, n),
        lambda *a: line(*a, factor=1.0, by=1),
    ],
    "backprop.sigmoid_backward": [
        lambda u, a: u * np_sigmoid(a) * (1 - np_sigmoid(a)),
        lambda u, a: a * (1 - a),
        lambda u, a: u * a,
        lambda u, a: u * (1 - a),
        lambda u, a: u * (1 - a**2),
        lambda u, a: -u * a * (1 - a),
        lambda u, a: u + a * (1 - a),
        lambda u, a: u * a * (a - 1) ** 2,
        lambda u, a: u * (a > 0),
        lambda u, a: u * a * (1 + a),
    ],
    "backprop.dense_backward": [
        lambda u, x, w: (x.T @ u, u.mean(axis=0), u @ w.T),
        lambda u, x, w: (x.T @ u / len(x), u.sum(axis=0) / len(x), u @ w.T),
        lambda u, x, w: (x.T @ u, u, u @ w.T),
        lambda u, x, w: (u.T @ x, u.sum(axis=0), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(axis=1), u @ w.T),
        lambda u, x, w: (u @ w.T, x.T @ u, u.sum(axis=0)),
        lambda u, x, w: (-(x.T @ u), -u.sum(axis=0), -(u @ w.T)),
        lambda u, x, w: (x.T @ u, u.sum(axis=0, keepdims=True), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(), u @ w.T),
        lambda u, x, w: (x.T @ u, u.sum(axis=0), (w @ u.T)),
    ],
    "backprop.block_gradients": [
        lambda *a: block(*a, wrong="own"),
        lambda *a: block(*a, wrong="both"),
        lambda *a: block(*a, wrong="to both"),
        lambda *a: block(*a, wrong="no upstream"),
        lambda *a: block(*a, wrong="smaller"),
        lambda *a: block(*a, wrong="sum scaled"),
        lambda *a: block(*a, wrong="turned"),
        lambda *a: block(*a, wrong="value"),
        lambda *a: block(*a, wrong="shared"),
        lambda *a: block(*a)[::-1],
    ],
    "backprop.graph_gradients": [
        lambda *a: graph(*a, wrong="overwrite"),
        lambda *a: graph(*a, wrong="plus"),
        lambda *a: graph(*a, wrong="own"),
        lambda *a: graph(*a, wrong="as given"),
        lambda *a: graph(*a, wrong="reached"),
        lambda *a: graph(*a, wrong="inputs"),
        lambda *a: graph(*a, wrong="value"),
        lambda *a: graph(*a, wrong="zero"),
        lambda *a: graph(*a, wrong="no chain"),
        lambda *a: graph(*a, wrong="once"),
    ],
    "backprop.hinge_gradient": [
        lambda w, f, y: y * f * (w @ f * y < 1),
        lambda w, f, y: -y * w * (w @ f * y < 1),
        lambda w, f, y: -y * f,
        lambda w, f, y: -y * f * (w @ f * y >= 1),
        lambda w, f, y: -y * f * (w @ f * y < 0),
        lambda w, f, y: -f * (w @ f * y < 1),
        lambda w, f, y: -y * f * (w @ f < 1),
        lambda w, f, y: float(max(0, 1 - w @ f * y)),
        lambda w, f, y: -y * f * max(0, 1 - w @ f * y),
        lambda w, f, y: w - y * f * (w @ f * y < 1),
    ],
    "backprop.hidden_delta": [
        lambda d, w, z: d @ w.T,
        lambda d, w, z: d @ w.T * (1 - z**2),
        lambda d, w, z: d @ w.T * np_sigmoid(z) * (1 - np_sigmoid(z)),
        lambda d, w, z: d @ w.T * (1 - np.tanh(z)),
        lambda d, w, z: d @ w.T * np.tanh(z),
        lambda d, w, z: d @ w.T * (1 - np.tanh(z) ** 2) / len(z),
        lambda d, w, z: d.sum(axis=1, keepdims=True) * (1 - np.tanh(z) ** 2),
        lambda d, w, z: -d @ w.T * (1 - np.tanh(z) ** 2),
        lambda d, w, z: d @ w.T * (z > 0),
        lambda d, w, z: d @ w.T * z,
    ],
    "backprop.train_step": [
        lambda *a: two_layers(*a, wrong="sum"),
        lambda *a: two_layers(*a, wrong="up"),
        lambda *a: two_layers(*a, wrong="new weights"),
        lambda *a: two_layers(*a, wrong="factor"),
        lambda *a: two_layers(*a, wrong="no top slope"),
        lambda *a: two_layers(*a, wrong="no low slope"),
        lambda *a: two_layers(*a, wrong="twice"),
        lambda *a: two_layers(*a, wrong="top"),
        lambda *a: two_layers(*a, wrong="gradients"),
        lambda *a: two_layers(*a, wrong="all"),
    ],
    "backprop.central_difference": [
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / 2 * h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + h) - f(x - h)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x) - f(x - e)) / h),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x - e) - f(x + e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) - f(x - e)) / 2),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + e) + f(x - e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + 2 * e) - f(x - 2 * e)) / (2 * h)),
        lambda *a: cubed(*a, lambda f, x, e, h: (f(x + 2 * e) - f(x)) / (2 * h) + 0 * f(x)),
    ],
}
