"""Files appear whole, or not at all."""

import json
import threading

import pytest

from companion import files


@pytest.mark.parametrize(
    "content", ["übung\n", "übung\n".encode(), lambda path: path.write_bytes("übung\n".encode())]
)
def test_text_bytes_and_what_a_function_writes_arrive_byte_for_byte(tmp_path, content):
    path = tmp_path / "new" / "folder" / "file.txt"
    files.write(path, content)
    assert path.read_bytes() == b"\xc3\xbcbung\n"
    assert list(path.parent.iterdir()) == [path], "no draft lies about"


def test_a_function_writes_to_a_name_of_the_same_ending(tmp_path):
    drafts = []
    files.write(tmp_path / "model.keras", lambda path: (drafts.append(path), path.touch()))
    assert drafts[0].suffix == ".keras"
    assert drafts[0].parent == tmp_path
    assert drafts[0].name.startswith(".")


def test_what_fails_half_way_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "weights"
    files.write(path, b"old")

    def fill(draft):
        draft.write_bytes(b"ha")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        files.write(path, fill)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_published_first_stays(tmp_path):
    path = tmp_path / "row.json"
    done = []
    threads = [
        threading.Thread(target=lambda n=n: done.append((files.publish(path, str(n)), n)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((_, first),) = [one for one in done if one[0]]
    assert path.read_text() == str(first)
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_its_letters_and_ends_its_last_line(tmp_path):
    files.write_json(tmp_path / "a.json", {"λ": [1.5, None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"λ": [1.5, None]}
    assert "λ" in text
    assert text.endswith("}\n")
