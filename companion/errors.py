"""The one error that a reader is meant to see: what was expected, what came, what to do."""


class UserError(ValueError):
    """Something cannot be done as it was asked; the command line ends with exit code 2."""
