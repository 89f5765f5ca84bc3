"""`python -m companion` is the command line."""

import sys

if __name__ == "__main__":
    # `-m` looks for modules in the current folder first: run among learners' files, a `typer.py`
    # of theirs would be imported here, outside every sandbox.
    if not sys.flags.safe_path:
        del sys.path[0]

    from companion.cli import main

    main()
