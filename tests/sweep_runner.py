"""Runs many calls of the command line, each in a fork of one process that has loaded it.

    python sweep_runner.py '[["models"], ["hint", "nonesuch"]]'

prints a JSON list of what each ended with: exit code, stdout, stderr. Words before the calls change
what they meet: ``homeless`` takes the user's home away, ``gone`` the reader of their stdout.
"""

import importlib
import json
import os
import pwd
import sys
import tempfile


def no_entry(user):
    raise KeyError(f"getpwuid(): uid not found: {user}")


def call(cli, arguments, circumstances):
    """Return the exit code, stdout and stderr of one call."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer if "gone" in circumstances else stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            sys.argv = ["companion", *arguments]
            code = 99
            try:
                cli.main()
            except SystemExit as end:
                code = end.code or 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        outputs = []
        for file in (stdout, stderr):
            file.seek(0)
            outputs.append(file.read().decode("utf-8", "replace"))
    return code, *outputs


def main(*words):
    """Load the command line, make the calls, and print what each ended with."""
    *circumstances, calls = words
    if "homeless" in circumstances:  # from the start, as for who has no home
        os.environ.pop("HOME", None)
        pwd.getpwuid = no_entry
    cli = importlib.import_module("companion.cli")
    for module in cli.MODULES:
        importlib.import_module(f"companion.cli.{module}")
    print(json.dumps([call(cli, arguments, circumstances) for arguments in json.loads(calls)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
