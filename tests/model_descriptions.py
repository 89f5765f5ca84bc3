"""Descriptions of models as a worker sends them, written by hand: layers, chains, branches."""


def layer(kind, shape, parameters=0, name="", call=None, masked=None, **config):
    """A layer as a description has it, and its call: the output's shape, what it is given."""
    name = name or kind.lower()
    about = {"name": name, "kind": "layer", "class_name": kind, "parameters": parameters}
    return (
        about | {"config": {"name": name, **config}},
        {"kwargs": call or {}, "shape": list(shape), "masked": masked},
    )


def model(*layers, shape=(8, 5), sources=None, outputs=None):
    """A description: a chain of layers, or with each one's sources by number; -1 is the input."""
    sources = sources or [[number - 1] for number in range(len(layers))]
    outputs = outputs or [len(layers) - 1]

    def place(number):
        return {"input": 0} if number < 0 else {"call": [number, 0]}

    return {
        "inputs": [[list(shape), "float32"]],
        "layers": [about for about, _ in layers],
        "calls": [
            {"layer": number, "args": [{"list": [place(one) for one in before]}], **call}
            for number, ((_, call), before) in enumerate(zip(layers, sources, strict=True))
        ],
        "outputs": [place(one) for one in outputs],
    }


def conv(name="C1", shape=(6, 6, 4), **config):
    return layer("Conv2D", shape, 40, name, **{"padding": "valid", "activation": "relu", **config})


def dense(name="dense", units=10, inputs=144, **config):
    return layer("Dense", (units,), (inputs + 1) * units, name, units=units, **config)


FLAT, DROP = layer("Flatten", (144,)), layer("Dropout", (144,), rate=0.2)
DROP_MAPS = layer("Dropout", (6, 6, 4), rate=0.2)
MASK = layer("Masking", (8, 5), masked=True)
READS = layer("LSTM", (16,), 99, "lstm", activation="tanh", recurrent_activation="sigmoid")
D5 = dense("D5")
NET = [conv(), FLAT, D5]
LOST = layer("Reshape", (8, 5), name="reshape", masked=False)
NO_MASK = (
    "reshape (Reshape) passes no mask on: for lstm (LSTM) behind it, padding is data like any "
    "other."
)
