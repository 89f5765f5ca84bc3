"""Convnets: convolution, pooling and dense layers, stacked by a plan."""

from companion.chapter import Chapter, Model, public_names

LECUN_1998 = (
    "LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition"
)
KRIZHEVSKY_2012 = (
    "Krizhevsky, Sutskever, Hinton (2012), ImageNet classification with deep convolutional neural "
    "networks"
)
ZEILER_2014 = "Zeiler, Fergus (2014), Visualizing and understanding convolutional networks"
SZEGEDY_2015 = "Szegedy et al. (2015), Going deeper with convolutions"
SIMONYAN_2015 = (
    "Simonyan, Zisserman (2015), Very deep convolutional networks for large-scale image recognition"
)
ZHOU_2016 = (
    "Zhou, Khosla, Lapedriza, Oliva, Torralba (2016), Learning deep features for discriminative "
    "localization"
)
COMP7015 = "COMP7015 Artificial Intelligence (2022), lecture 8"
# At the usual rate the ReLUs of a deep stack without normalization die in the first steps.
DEEP = {"learning_rate": 3e-4}

chapter = Chapter(
    number=6,
    title="Convnets",
    question="How are convolutions stacked into a network that recognises what it sees?",
    lectures="ABCDE",
    pages=("02-imagenet.md", "03-what-a-cnn-learns.md"),
    builds_on=("convolution", "regularization"),
    models=(
        Model(
            "from_pattern",
            230_186,
            (28, 28, 1),
            COMP7015,
            arguments={
                "pattern": "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC",
                "N": 2,
                "M": 2,
                "K": 1,
            },
        ),
        Model("lenet5", 61_706, (28, 28, 1), LECUN_1998),
        Model(
            "lenet5_1998",
            60_000,
            (28, 28, 1),
            LECUN_1998,
            builder="lenet5",
            arguments={"variant": "1998"},
            effort=1.5,  # trainable subsampling and tanh learn slowly
        ),
        Model(
            "alexnet",
            60_965_224,
            (227, 227, 3),
            KRIZHEVSKY_2012,
            recipe=DEEP,
            small={"input_shape": (67, 67, 3), "classes": 10, "units": 64},
        ),
        Model(
            "zfnet",
            62_357_608,
            (224, 224, 3),
            ZEILER_2014,
            recipe=DEEP,
            small={"input_shape": (53, 53, 3), "classes": 10, "units": 64},
        ),
        *(
            Model(
                f"vgg_{config.lower()}",
                parameters,
                (224, 224, 3),
                SIMONYAN_2015,
                builder="vgg",
                arguments={"config": config},
                recipe=DEEP,
                small={"input_shape": (32, 32, 3), "classes": 10, "filters": 8, "units": 64},
            )
            for config, parameters in (
                ("A", 132_863_336),
                ("B", 133_047_848),
                ("C", 133_638_952),
                ("D", 138_357_544),
                ("E", 143_667_240),
            )
        ),
        Model(
            "googlenet",
            6_998_552,
            (224, 224, 3),
            SZEGEDY_2015,
            recipe=DEEP,
            small={"input_shape": (32, 32, 3), "classes": 10},
        ),
        Model("vgg_small", 89_114, (16, 16, 1), SIMONYAN_2015),
        Model("gap_classifier", 35_514, (28, 28, 1), ZHOU_2016),
        Model("conv1d_classifier", 52_874, (64, 1), COMP7015),
        Model("conv3d_classifier", 70_314, (8, 16, 16, 1), COMP7015),
    ),
)

__getattr__, __dir__, __all__ = public_names(
    __name__,
    chapter,
    submod_attrs={
        "models": [
            "alexnet",
            "conv1d_classifier",
            "conv3d_classifier",
            "from_pattern",
            "gap_classifier",
            "googlenet",
            "lenet5",
            "vgg",
            "vgg_small",
            "zfnet",
        ],
        "pattern": ["PatternError", "parse"],
        "visualize": [
            "activation_map",
            "activation_maximization",
            "activations",
            "class_activation_map",
            "exciting_image",
            "feature_maps",
            "grad_cam",
            "gradient_map",
            "kernels",
            "occlusion",
            "occlusion_map",
        ],
    },
)
