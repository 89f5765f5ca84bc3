"""What an author writes: an exercise, whose body is the solution, whose docstring is the task.

Everything about an exercise stands in one place::

    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    from companion.checking import exercise, gradient_exercise, model_exercise


    @exercise(points=2, rtol=1e-6)
    def cross_correlate(image, kernel):
        \"\"\"Slide `kernel` over `image` (stride 1, no padding) and return the map.\"\"\"
        return np.einsum("ijkl,kl->ij", sliding_window_view(image, kernel.shape), kernel)


    @cross_correlate.cases
    def _(rng):
        yield rng.normal(size=(6, 7)), rng.normal(size=(3, 3))


    cross_correlate.hints("At how many places does the kernel fit?", "Do not turn it over.")

    cross_correlate.mistakes(
        "You flipped the kernel: that is convolution.",
        lambda image, kernel: cross_correlate(image, kernel[::-1, ::-1]),
        "You transposed the kernel: its rows lie along the image's rows.",
        lambda image, kernel: cross_correlate(image, kernel.T),
    )

**A case** is a tuple of arguments in the order of the signature; parameters after a ``*`` are
passed by name, those left out at the end take their defaults, and one value that is no tuple is
the only argument. Arguments and results are NumPy arrays, numbers, strings, booleans, None, and
lists, tuples and dicts (with string keys) of these. Draw arrays from the given ``rng`` alone: the
same seed must give the same cases. Keep the first case small, a learner reads it. Choose cases
that tell every mistake from the reference and from every other mistake: the proof asks for it.

**The reference** must not change its arguments and must return finite numbers. Integers are
compared exactly. A float is close when ``|received − expected| <= atol + rtol·|expected| +
allowed``, where `allowed` is what working in float32 may cost (`rounding`). An answer must also
have the reference's shape, which lists and tuples have as arrays do, and its kind of number
(integer, float, ...). Use only what the exercise's own body imports or what its file has at the
top, and import no Keras there: import it within the body of a model exercise.

**A mistake** has the exercise's signature and returns what a learner who makes it would return;
its sentence names the mistake and what to do instead, and is true of every answer that returns
that, however it was written. Those of one expression are the rows of a
table, each a sentence and its function; a function of several lines stands under a decorator of its
own, ``@cross_correlate.mistake("You …")``.

Where none fits, three things are looked at before an answer goes unexplained: what the result has
to do with the right one (`relations`), whether it is right for other inputs (`changed_inputs`), and
what comes out of the reference with one thing changed (`variants`). A file with a ``while`` loop is
not changed: it might never end.

**Why not?** Where an exercise asks for one name out of a few, ``@my_exercise.why`` takes a function
of a case's values and a wrong result that says what speaks against that result, or None.

**A model exercise** returns a Keras model. What it computes under the same weights decides, in use
and in training: dropout, penalties, constraints, what is frozen, how weights start. How it is
written does not; the layers only explain a difference. (Any random start is as good as Keras's own,
unless the reference asks for another.) Use layers of Keras and ``keras.ops``, no ``Lambda`` and no
layer with weights of your own. Without cases the model is built once, with no arguments::

    @model_exercise(points=3)
    def lenet5():
        \"\"\"Build LeNet-5 for 28×28 grey images and return it, uncompiled.\"\"\"
        from keras import Sequential, layers

        return Sequential([...])

**A gradient exercise** needs no trusted answer: the judge differentiates `of` numerically. The
parameters that share a name with those of `of` are passed on to it; one more parameter, whatever
its name, is the gradient that arrives from above, in the shape of `of`'s output (without it, the
loss is the sum of that output). `wrt` names the parameters to differentiate, by default all of
`of`'s; the answer returns one gradient for each, in that order (a single one needs no tuple). The
body is the solution that a learner is shown, and the proof holds it to the differences too::

    @gradient_exercise(of=cross_correlate, wrt=("image", "kernel"))
    def cross_correlate_backward(upstream, image, kernel):
        \"\"\"Return the gradients of the loss with respect to `image` and `kernel`.\"\"\"
        ...


    @cross_correlate_backward.cases
    def _(rng):
        yield rng.normal(size=(4, 5)), rng.normal(size=(6, 7)), rng.normal(size=(3, 3))

What comes out has ``name``, ``chapter``, ``points``, ``hints`` (a list), ``mistakes``, ``stub``
and ``solution`` (source text), ``reference`` (the undecorated function), and is still callable.
"""
