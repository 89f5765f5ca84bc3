"""Gradients: why deep networks did not train, and what is wrong with yours."""

from companion.chapter import Chapter, Model, public_names

HE_2016 = "He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition"

SMALL = {"input_shape": (32, 32, 3), "classes": 10, "filters": 8}

chapter = Chapter(
    number=9,
    title="Gradients",
    question="Why did deep networks not train, what made them train, and what is wrong with yours?",
    lectures="AB",
    pages=("02-residual-networks.md", "03-the-clinic.md", "04-more-cases.md"),
    builds_on=("optimizers", "convnets"),
    models=(
        *(
            Model(
                f"resnet_{depth}",
                parameters,
                (224, 224, 3),
                HE_2016,
                builder="resnet",
                arguments={"depth": depth},
                small=SMALL,
            )
            for depth, parameters in ((18, 11_689_512), (34, 21_797_672), (50, 25_557_032))
        ),
        Model("resnet_cifar", 269_722, (32, 32, 3), HE_2016),
        Model("plain_cifar", 269_722, (32, 32, 3), HE_2016),
    ),
)

__getattr__, __dir__, __all__ = public_names(
    __name__,
    chapter,
    submod_attrs={
        "models": ["PaddedShortcut", "plain_cifar", "residual_block", "resnet", "resnet_cifar"],
        "counting": ["Convolution", "block_parameters", "resnet_layers"],
        "scratch": [
            "Activation",
            "Spread",
            "Step",
            "backward",
            "chain_factor",
            "clip_by_global_norm",
            "clip_by_norm",
            "clip_by_value",
            "dead_units",
            "dense_residual_block",
            "dense_residual_block_backward",
            "fans",
            "forward",
            "glorot_variance",
            "he_variance",
            "initial_weights",
            "mean_squares",
            "normalize",
            "normalize_backward",
            "saturated_share",
            "slope",
            "spread",
        ],
    },
)
