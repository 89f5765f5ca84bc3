"""Optimizers: from the slope at one point to a walk that ends in a valley."""

from companion.chapter import Chapter, Model, public_names

IOFFE_2015 = (
    "Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing "
    "internal covariate shift"
)
SANTURKAR_2018 = (
    "Santurkar, Tsipras, Ilyas, Madry (2018), How does batch normalization help optimization?"
)

chapter = Chapter(
    number=3,
    title="Optimizers",
    question="The gradient says which way is down: how does one get to the bottom?",
    lectures="ABD",
    pages=("02-momentum-rmsprop-adam.md", "03-batch-normalization.md"),
    builds_on=("backprop",),
    models=(
        Model(
            "batch_norm_mlp",
            26_378,
            (8, 8, 1),
            IOFFE_2015,
            builder="normalized_mlp",
            arguments={"hidden": (128, 128)},
        ),
        Model("deep_batch_norm_mlp", 34_442, (8, 8, 1), IOFFE_2015, builder="normalized_mlp"),
        Model(
            "noisy_batch_norm_mlp",
            34_442,
            (8, 8, 1),
            SANTURKAR_2018,
            builder="normalized_mlp",
            arguments={"noise": 0.5},
        ),
    ),
)

__getattr__, __dir__, __all__ = public_names(
    __name__,
    chapter,
    submod_attrs={
        "models": ["ShiftingNoise", "normalized_mlp"],
        "scratch": [
            "Memory",
            "Normalized",
            "Surface",
            "adam",
            "batch_norm",
            "batch_norm_backward",
            "batch_norm_inference",
            "descend",
            "gradient_descent",
            "keras_adam_epsilon",
            "keras_momentum",
            "keras_momentum_rate",
            "largest_rate",
            "minibatches",
            "momentum",
            "moving_average",
            "rmsprop",
            "softmax_regression_gradient",
            "softmax_regression_loss",
            "walk",
        ],
    },
)
