"""What the pages compute in JavaScript, called from a test."""

import json
import shutil
import subprocess

import pytest

needs_node = pytest.mark.skipif(
    not shutil.which("node"), reason="no Node.js here (Debian: apt install nodejs)"
)


def in_javascript(script, program, given=None):
    """What `program`, a function of a script's exports and of `given`, returns in Node."""
    source = f"""
    const given = JSON.parse(require("fs").readFileSync(0, "utf-8"));
    console.log(JSON.stringify(({program})(require({json.dumps(str(script))}), given)));
    """
    answer = subprocess.run(
        ["node", "-e", source], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)
