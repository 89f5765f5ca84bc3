"""How many small faults the tests find: mutants of a room, each judged by the room's tests.

    python -m benchmarks.mutation ROOM [--mutants N] [--seed S] [--json FILE]

A mutant is one change of one line by an operator of cosmic-ray (`pip install cosmic-ray`): another
comparison, a number more or less, a loop that does not run. They are drawn from all that there are
in the room, each line once. Each gets a copy of the clone, the examples in its docstrings, and the
room's tests, those that speak of its module first, until one fails. Told is each that passes them
all; one that takes three times as long as the unchanged is killed.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
ROOMS = {
    "scratch": (
        ("chapters/*/scratch.py",),
        ("backprop", "convolution", "gradients", "memory", "neurons", "optimizers", "practice",
         "recurrence", "regularization", "transfer", "batch_normalization"),
    ),
    "checking": (
        ("companion/checking/**/*.py",),
        ("exercise", "comparison", "differences", "codec", "frames", "description", "alignment",
         "rounding", "answer_key", "relations", "changed_inputs", "variants", "explanations",
         "slips", "gradient_answers", "layer_rows", "structure", "behaviour", "rebuilding",
         "judge", "judge_session", "judged_models", "model_verdicts", "worker", "lockdown",
         "scratch_folders", "isolation", "hand_ins", "hand_in_bounds", "hostile_values",
         "hostile_hand_ins", "answer_files", "answer_parts", "feedback", "gradebook", "grading",
         "reports", "progress", "progress_file", "classroom", "learners_round", "killed_judge",
         "cli_exercises", "platforms", "page_verdicts", "wrong_answers"),
    ),
    "studies": (
        ("companion/studies/*.py",),
        ("studies", "study_verdicts", "study_records", "study_verification", "study_runs",
         "study_scheduler", "study_code", "provenance", "cli_studies", "figures",
         "recorded_numbers"),
    ),
}  # fmt: skip
# Operators whose mutants mean nothing here: comparisons of values by identity, unary operators
# before what has none, and what Python refuses anyway.
LEFT_OUT = re.compile(
    r"_(Is|IsNot)$|Comparison.*_(Eq|NotEq)_(Lt|LtE|Gt|GtE)$|Unary|Bit|Shift|FloorDiv$|Mod$|Pow$"
)
# A process that has imported what is heavy, and runs pytest in a copy of itself for each request.
SERVER = """
import json, os, sys
import numpy, pytest, keras, sklearn
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open("tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        code = 70
        try:
            code = int(pytest.main(json.loads(line)))
        finally:
            os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


def mutants(room: str) -> list[tuple[str, int, str, int]]:
    """Return all mutants of a room: file, line, operator, and which of its places there."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    operators = {
        name: plugins.get_operator(name)
        for name in plugins.operator_names()
        if not LEFT_OUT.search(name)
    }
    all_mutants = []
    for pattern in ROOMS[room][0]:
        for file in sorted(ROOT.glob(pattern)):
            source = file.read_text(encoding="utf-8")
            nodes = list(ast_nodes(get_ast(source)))
            hidden = _annotated(source)
            for name, operator in operators.items():
                try:
                    places = [
                        start for node in nodes for start, _ in operator().mutation_positions(node)
                    ]
                except TypeError:  # an operator with arguments
                    continue
                all_mutants += [
                    (str(file.relative_to(ROOT)), start[0], name, number)
                    for number, start in enumerate(places)
                    if start[0] not in hidden
                ]
    return all_mutants


def _annotated(source: str) -> set[int]:
    """Return the lines that say nothing when they run: annotations, imports for them."""
    hidden: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            hidden |= set(range(node.lineno, (node.end_lineno or 0) + 1))
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if hint:
                hidden |= set(range(hint.lineno, (hint.end_lineno or 0) + 1))
    return hidden


class Bench:
    """A copy of the clone, an environment of its own for it, and a server of tests.

    Args:
        folder: Where they are put.
    """

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "clone"
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
        for name in tracked.stdout.splitlines():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.tree / name)
        own = folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
        (packages,) = own.glob("lib/python3*/site-packages")
        (packages / "all.pth").write_text(f"{self.tree}\n{site.getsitepackages()[0]}\n")
        python = own / "bin" / "python"
        for script in Path(sys.executable).parent.iterdir():
            if script.is_file() and script.read_bytes()[:2] == b"#!":
                text = script.read_text(encoding="utf-8").partition("\n")[2]
                (own / "bin" / script.name).write_text(f"#!{python}\n{text}", encoding="utf-8")
                (own / "bin" / script.name).chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{own / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.server = subprocess.Popen(
            [python, "-c", SERVER], cwd=self.tree, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def test(self, files: list[str], limit: float) -> tuple[str, float]:
        """Run tests until one fails; return ``passed``, ``failed`` or ``timeout``, and seconds."""
        arguments = ["-x", "-q", "-p", "no:cacheprovider", "-n0", "-m", "not slow and not site"]
        start = time.perf_counter()
        self.server.stdin.write(json.dumps([*arguments, *files]) + "\n")
        self.server.stdin.flush()
        child = int(self.server.stdout.readline())
        ended = []
        with ThreadPoolExecutor(1) as waiting:
            answer = waiting.submit(self.server.stdout.readline)
            try:
                ended.append(int(answer.result(timeout=limit)))
            except TimeoutError:
                os.killpg(child, signal.SIGKILL)
        result = {0: "passed"}.get(ended[0], "failed") if ended else "timeout"
        return result, time.perf_counter() - start

    def try_out(self, mutant: tuple[str, int, str, int], room: str, limit: float) -> dict:
        """Put a mutant into the copy, run the room's tests, and take it out again."""
        from cosmic_ray import plugins
        from cosmic_ray.mutating import mutate_code

        name, line, operator, number = mutant
        file = self.tree / name
        before = file.read_bytes()
        after = mutate_code(before, plugins.get_operator(operator)(), number)
        file.write_text(after, encoding="utf-8")
        try:
            result, seconds = self.test(files_of_tests(room, name), limit)
        finally:
            file.write_bytes(before)
        changed = next(
            ([" ".join(old.split()), " ".join(new.split())]
             for old, new in zip(before.decode().splitlines(), after.splitlines(), strict=False)
             if old != new),
            [],
        )  # fmt: skip
        return {
            "file": name,
            "line": line,
            "operator": operator.partition("/")[2],
            "result": result,
            "seconds": round(seconds, 1),
            "changed": changed,
        }

    def close(self) -> None:
        """End the server."""
        self.server.stdin.close()
        self.server.wait()


def files_of_tests(room: str, mutated: str) -> list[str]:
    """Return what is tested of a module: its examples, then the room's tests.

    Tests that speak of it most come first; of a chapter, only those that speak of it.
    """
    module = mutated.removesuffix(".py").replace("/", ".")
    package, _, name = module.rpartition(".")
    words = re.compile(rf"{re.escape(module)}\b|{re.escape(package)} import .*\b{name}\b")
    if room == "scratch":
        words = re.compile(rf"{re.escape(package)}\b")
    spoken = {
        file: len(words.findall((ROOT / file).read_text(encoding="utf-8")))
        for file in (f"tests/test_{one}.py" for one in ROOMS[room][1])
    }
    files = sorted(spoken, key=lambda file: -spoken[file])
    return [mutated, *(file for file in files if spoken[file] or room != "scratch")]


def main() -> None:
    """Draw mutants, try each, and print those that live, and the share that does not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--mutants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--benches", type=int, default=1, help="copies that are tried at once")
    parser.add_argument("--patience", type=float, default=3, help="times what the unchanged takes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    lines: dict[tuple[str, int], list] = {}
    for one in mutants(options.room):
        lines.setdefault(one[:2], []).append(one)
    draw = random.Random(options.seed)
    places = draw.sample(sorted(lines), min(options.mutants, len(lines)))
    drawn = [draw.choice(lines[place]) for place in places]
    total = sum(map(len, lines.values()))
    print(f"{options.room}: {total} mutants in {len(lines)} lines", flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        benches = [Bench(Path(folder, str(i))) for i in range(options.benches)]
        with ThreadPoolExecutor(len(benches)) as pool:
            files = [f"tests/test_{name}.py" for name in ROOMS[options.room][1]]
            unchanged = pool.map(lambda one: one.test(files, 3600), benches)
            for bench, (result, seconds) in zip(benches, unchanged, strict=True):
                print(f"unchanged: {result} after {seconds:.0f} s", flush=True)
                if result != "passed":
                    sys.exit((bench.tree / "tests.log").read_text(encoding="utf-8")[-3000:])
            free: Queue[Bench] = Queue()
            for bench in benches:
                free.put(bench)

            def tried(mutant: tuple[str, int, str, int]) -> dict:
                bench = free.get()
                try:
                    return bench.try_out(mutant, options.room, options.patience * seconds)
                finally:
                    free.put(bench)

            for result in pool.map(tried, drawn):
                results.append(result)
                if result["result"] == "passed":
                    print(f"{result['file']}:{result['line']} {' -> '.join(result['changed'])}",
                          flush=True)  # fmt: skip
                if options.json:
                    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        for bench in benches:
            bench.close()
    killed = sum(result["result"] != "passed" for result in results)
    slow = sum(result["result"] == "timeout" for result in results)
    print(f"{killed} of {len(results)} killed, {slow} by the clock: {killed / len(results):.1%}")


if __name__ == "__main__":
    main()
