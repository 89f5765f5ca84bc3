"""`companion study` and `companion verify` as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import study_samples as samples

from companion import catalogue, cli, data_files

BOOK = catalogue.discover()[0]


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """Type a command in an empty folder, where the book holds two studies of ours."""
    book = {
        "sample": (BOOK, samples.study(seeds=range(7))),
        "deadly": (BOOK, samples.study(samples.deadly, name="deadly", seeds=range(3))),
    }
    monkeypatch.setattr(catalogue, "studies", lambda: book)
    monkeypatch.setattr(data_files, "CLONE", tmp_path)
    (tmp_path / "setup.cfg").touch()
    monkeypatch.chdir(tmp_path)

    def typed(*arguments):
        monkeypatch.setattr(sys, "argv", ["companion", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capfd.readouterr()
        return ended.value.code, printed.out, printed.err

    return typed


def test_a_study_prints_one_json_object_with_its_timings_apart(call):
    code, out, _ = call("study", "sample", "--workers", "2", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [row["effect"] for row in answer["table"]] == ["baseline", "lower", "lower"]
    assert answer["verdict"].startswith("Error is lower with dose = 2")
    assert len(answer["rows"]) == len(answer["timings"]["rows"]) == 21
    assert "waited_seconds" in answer["timings"]["rows"][0]
    assert "waited_seconds" not in json.dumps(answer["rows"] + answer["table"])
    folder = Path("runs/studies/sample/full")
    assert answer["figure"] == str(folder / "figure.png")
    assert {"figure.png", "rows.csv", "table.csv"} <= {path.name for path in folder.iterdir()}
    again = json.loads(call("study", "sample", "--workers", "1", "--json")[1])
    del answer["timings"], again["timings"]
    assert again == answer


def test_a_study_is_told_to_a_person(call):
    code, out, _ = call("study", "sample", "--quick", "--workers", "1", "--output", "here")
    assert code == 0
    assert "Does the level lower the error?" in out
    assert "dose = 2" in out
    assert "No difference in error from dose = 0 that 2 seeds can show" in " ".join(out.split())
    assert Path("here/figure.png").exists()


def test_without_a_name_every_study_is_listed(call):
    code, out, _ = call("study", "--json")
    assert code == 0
    assert [(study["name"], study["rows"]) for study in json.loads(out)["studies"]] == [
        ("sample", 21),
        ("deadly", 9),
    ]


def test_lost_rows_are_named_and_the_exit_code_says_so(call):
    code, out, err = call("study", "deadly", "--workers", "2", "--json")
    answer = json.loads(out)
    assert code == 1
    assert len(answer["rows"]) == 7
    assert {(row["level"], row["seed"]) for row in answer["lost"]} == {(1, 2), (2, 1)}
    assert "lost: dose = 1, seed 2: its worker process died" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sampel"], "no study named 'sampel'. Did you mean 'sample'?"),
        (["sample", "--seeds", "0"], "--seeds"),
        (["sample", "--workers", "0"], "--workers"),
        (["sample", "--record", "--quick"], "leave out all options"),
        (["sample", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"], "its own workers"),
        (["sample", "--output", "setup.cfg"], "is a file"),
        (["sample", "--output", "setup.cfg/x"], "cannot be written"),
    ],
)
def test_a_wrong_call_ends_with_two_and_says_why(call, arguments, message):
    code, out, err = call("study", *arguments, "--json")
    assert code == 2
    assert message in json.loads(out)["error"]
    assert "companion:" in err


def test_a_folder_of_another_study_is_left_alone(call):
    call("study", "sample", "--seeds", "1", "--workers", "1", "--output", "rows")
    before = {path: path.read_bytes() for path in Path("rows").rglob("*") if path.is_file()}
    code, out, _ = call("study", "deadly", "--output", "rows", "--json")
    assert code == 2
    assert "its study is 'sample'" in json.loads(out)["error"]
    assert before == {path: path.read_bytes() for path in Path("rows").rglob("*") if path.is_file()}


def test_what_is_recorded_verifies_until_someone_changes_it(call):
    code, out, _ = call("verify", BOOK.name, "--json")
    assert (code, [row["status"] for row in json.loads(out)["results"]]) == (0, ["cannot"] * 2)
    code, out, _ = call("study", "sample", "--record", "--workers", "2")
    assert code == 0
    record = Path("data/results/sample.json")
    assert record.name in out.replace("\n", "")
    code, out, _ = call("verify", BOOK.name, "--workers", "1", "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["status"] == "match"
    record.write_text(record.read_text().replace('"mean": 0.', '"mean": 0.9', 1))
    code, out, _ = call("verify", "--workers", "1", "--json")
    assert code == 1
    assert json.loads(out)["results"][0]["status"] == "drift"


def test_a_chapter_that_does_not_exist_cannot_be_verified(call):
    code, out, _ = call("verify", "alchemy", "--json")
    assert code == 2
    assert "no chapter named 'alchemy'" in json.loads(out)["error"]


HEAVY = {"keras", "tensorflow", "matplotlib", "pandas", "scipy"}


@pytest.mark.parametrize("arguments", [["study"], ["study", "--help"], ["verify", "--help"]])
def test_asking_what_there_is_loads_nothing_heavy(arguments):
    script = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from companion.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
