"""A number that a lesson prints of a study is the recorded one."""

import pytest

from companion import catalogue, lesson
from companion.studies.records import recorded_results

NUMBERS = [
    # chapter, study, level, column of the table, what the lesson prints
    ("neurons", "loss_outliers", "L2, share of outliers = 0", "mean", "45.6"),
    ("neurons", "loss_outliers", "L2, share of outliers = 0.02", "mean", "62.4"),
    ("neurons", "loss_outliers", "L1, share of outliers = 0", "mean", "46.6"),
    ("neurons", "loss_outliers", "L1, share of outliers = 0.1", "mean", "46.9"),
    ("backprop", "hidden_layers", "hidden layers = 0", "mean", "3.0 %"),
    ("backprop", "hidden_layers", "hidden layers = 3", "mean", "4.1 %"),
    ("backprop", "hidden_layers", "hidden layers = 4", "mean", "3.8 %"),
    ("optimizers", "optimizers_on_one_budget", "SGD", "mean", "3.7 %"),
    ("optimizers", "optimizers_on_one_budget", "RMSprop", "mean", "3.9 %"),
    ("optimizers", "optimizers_on_one_budget", "Adam", "mean", "3.1 %"),
    ("optimizers", "batch_norm_and_rate", "plain, η = 0.1", "mean", "10.9 %"),
    ("optimizers", "batch_norm_and_rate", "batch norm, η = 0.1", "mean", "4.1 %"),
    ("optimizers", "batch_norm_and_rate", "batch norm, η = 1", "mean", "5.5 %"),
    ("optimizers", "batch_norm_and_rate", "batch norm, η = 0.01", "mean", "7.7 %"),
    ("optimizers", "batch_norm_and_rate", "noisy batch norm, η = 0.01", "mean", "13.6 %"),
    ("optimizers", "batch_norm_and_rate", "noisy batch norm, η = 0.1", "mean", "4.7 %"),
    ("optimizers", "batch_norm_and_rate", "noisy batch norm, η = 0.3", "mean", "5.4 %"),
    ("optimizers", "batch_norm_and_rate", "noisy batch norm, η = 1", "mean", "7.6 %"),
    ("gradients", "depth_activation_initialization", "tanh, Glorot, depth = 20", "mean", "0.1 %"),
    ("gradients", "depth_activation_initialization", "tanh, He, depth = 20", "mean", "0.0 %"),
    ("gradients", "depth_activation_initialization", "relu, He, depth = 20", "mean", "8.3 %"),
    ("gradients", "plain_and_residual", "plain, depth = 44", "mean", "37.1 %"),
    ("regularization", "weight_decay", "SGD, none, λ = 0", "mean", "20.7 %"),
    ("regularization", "weight_decay", "SGD, L2, λ = 0.01", "mean", "14.0 %"),
    ("regularization", "weight_decay", "SGD, L2, λ = 0.03", "mean", "31.3 %"),
    ("regularization", "weight_decay", "Adam, none, λ = 0", "mean", "21.9 %"),
    ("regularization", "weight_decay", "Adam, L2, λ = 0.01", "mean", "13.1 %"),
    ("regularization", "weight_decay", "Adam, L2, λ = 0.03", "mean", "29.6 %"),
    ("regularization", "weight_decay", "Adam, L1, λ = 0.003", "mean", "13.8 %"),
    ("regularization", "weight_decay", "Adam, decoupled, λ = 1", "mean", "13.7 %"),
    ("regularization", "weight_decay", "SGD, L2, λ = 0.01", "mean_near_zero", "3.8 %"),
    ("regularization", "weight_decay", "Adam, L2, λ = 0.01", "mean_near_zero", "34.8 %"),
    ("regularization", "weight_decay", "Adam, L2, λ = 0.0001", "mean_near_zero", "17.9 %"),
    ("regularization", "weight_decay", "Adam, decoupled, λ = 1", "mean_near_zero", "6.8 %"),
    ("regularization", "early_stopping", "no stopping", "mean", "22.4 %"),
    ("regularization", "early_stopping", "patience = 2", "mean", "12.0 %"),
    ("regularization", "early_stopping", "patience = 20", "mean", "12.5 %"),
    ("regularization", "dropout_rate", "dropout rate = 0.2", "mean", "19.9 %"),
    ("regularization", "dropout_rate", "dropout rate = 0.5", "mean", "15.0 %"),
    ("regularization", "dropout_rate", "dropout rate = 0.7", "mean", "11.6 %"),
    ("regularization", "dropout_rate", "dropout rate = 0.9", "mean", "59.5 %"),
    ("regularization", "augmentation", "none", "mean", "8.6 %"),
    ("regularization", "augmentation", "horizontal_flip", "mean", "13.5 %"),
    ("regularization", "augmentation", "autoaugment", "mean", "5.9 %"),
    ("practice", "rare_class", "none", "mean", "16.8"),
    ("practice", "rare_class", "threshold by theory", "mean", "10.2"),
    ("practice", "rare_class", "threshold by validation", "mean", "11.7"),
    ("practice", "rare_class", "class weights", "mean_pr_auc", "0.85"),
    *(
        ("practice", "wrong_labels", f"as given, share wrong = {share}", f"mean_{column}", printed)
        for share, column, printed in (
            (0.1, "recall", "96 %"),
            (0.1, "precision", "93 %"),
            (0.02, "recall", "98 %"),
            (0.02, "precision", "71 %"),
            (0.3, "recall", "90 %"),
            (0.1, "highest_by_heart", "81 %"),
            (0.1, "highest_out_of_fold", "95 %"),
        )
    ),
    ("practice", "wrong_labels", "as given, share wrong = 0.1", "mean", "8.0 %"),
    ("practice", "wrong_labels", "true labels, share wrong = 0.1", "mean", "2.7 %"),
    ("practice", "wrong_labels", "suspects looked at, share wrong = 0.1", "mean", "3.0 %"),
    ("practice", "wrong_labels", "as given, share wrong = 0.3", "mean", "16.1 %"),
    ("practice", "few_writers", "few writers", "mean", "14.1 %"),
    ("practice", "few_writers", "many writers", "mean", "7.4 %"),
    ("practice", "few_writers", "few writers", "mean_own_error", "3.2 %"),
    ("practice", "few_writers", "many writers", "mean_own_error", "6.3 %"),
    ("practice", "recipes", "random, trials = 10", "mean", "10.0 %"),
    ("practice", "recipes", "model-based, trials = 10", "mean", "10.1 %"),
    ("practice", "recipes", "random, trials = 4", "mean", "12.6 %"),
    ("practice", "recipes", "model-based, trials = 4", "mean", "13.7 %"),
    ("practice", "leaks", "augmented before the split", "mean", "0.3 %"),
    ("practice", "leaks", "oversampled before the split", "mean", "10.1 %"),
    ("practice", "leaks", "features selected on all", "mean", "32.4 %"),
    ("practice", "leaks", "best of 50 on the test split", "mean", "39.7 %"),
]


@pytest.mark.parametrize(("chapter", "study", "level", "column", "printed"), NUMBERS)
def test_a_number_of_the_lesson_is_the_recorded_one(chapter, study, level, column, printed):
    studies = catalogue.find_chapter(chapter).module("studies")
    table = recorded_results(getattr(studies, study)).table.set_index("level")
    value = table.loc[level, column]
    form = f".{len(printed.removesuffix(' %').partition('.')[2])}f"
    assert (f"{value:{form}}", f"{100 * value:{form}} %")[printed.endswith("%")] == printed
    assert printed in lesson.text(chapter)
