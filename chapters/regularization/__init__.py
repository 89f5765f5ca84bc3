"""Regularization: how a network is kept from learning its training set by heart."""

from companion.chapter import Chapter, Model, public_names

KROGH_1992 = "Krogh, Hertz (1992), A simple weight decay can improve generalization"
SRIVASTAVA_2014 = (
    "Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "
    "Dropout: a simple way to prevent neural networks from overfitting"
)
TOMPSON_2015 = (
    "Tompson, Goroshin, Jain, LeCun, Bregler (2015), "
    "Efficient object localization using convolutional networks"
)
CUBUK_2020 = (
    "Cubuk, Zoph, Shlens, Le (2020), "
    "RandAugment: practical automated data augmentation with a reduced search space"
)

chapter = Chapter(
    number=4,
    title="Regularization",
    question="How is a network kept from learning its training set by heart?",
    lectures="ABDE",
    pages=("02-early-stopping-and-dropout.md", "03-augmentation.md"),
    builds_on=("optimizers",),
    models=(
        Model("regularized_mlp", 26_122, (8, 8, 1), KROGH_1992, arguments={"l2": 1e-3}),
        Model(
            "dropout_mlp",
            26_122,
            (8, 8, 1),
            SRIVASTAVA_2014,
            builder="regularized_mlp",
            arguments={"dropout": 0.5, "input_dropout": 0.2},
        ),
        Model(
            "spatial_dropout_cnn",
            6_090,
            (8, 8, 1),
            TOMPSON_2015,
            builder="regularized_cnn",
            arguments={"spatial_dropout": 0.2},
        ),
        Model(
            "augmented_cnn",
            6_090,
            (8, 8, 1),
            CUBUK_2020,
            builder="regularized_cnn",
            arguments={"transforms": ("randaugment",)},
        ),
    ),
)

__getattr__, __dir__, __all__ = public_names(
    __name__,
    chapter,
    submod_attrs={
        "models": ["AutoAugment", "augmentation", "regularized_cnn", "regularized_mlp"],
        "scratch": [
            "Moments",
            "Stop",
            "adam_step",
            "color_jitter",
            "dropout",
            "dropout_mask",
            "early_stopping",
            "elastic_net_gradient",
            "elastic_net_penalty",
            "fit_linear",
            "flip",
            "l1_gradient",
            "l1_penalty",
            "l2_gradient",
            "l2_penalty",
            "mean_over_masks",
            "sgd_step",
            "shrink",
            "soft_threshold",
            "spatial_dropout_mask",
            "translate",
            "weight_scaling",
        ],
    },
)
