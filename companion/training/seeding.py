"""Seeding: each training begins as if nothing had been trained before it."""


def fresh_start(seed: int) -> None:
    """Forget all Keras models and set the seeds of Python, NumPy and Keras's backend.

    Without forgetting, the generators of dropout layers made earlier would go on counting.
    """
    import keras  # here, so that a study can be listed without Keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
