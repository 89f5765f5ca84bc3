"""Scratch folders, unused users, and the files that a worker may see."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hand_in_samples import filled

from companion.checking.judging import file_system, scratch, users

linux = pytest.mark.skipif(sys.platform != "linux", reason="the locks are Linux's")


# -- scratch folders ------------------------------------------------------------------------------


def branched(folder):
    return filled(folder, {"a/b/c/file": "", "a/d/file": "", "e/f/g/file": "", "file": ""})


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_a_scratch_folder_is_removed_with_its_branches_and_links_and_nothing_behind_them(tmp_path):
    folder = branched(tmp_path / "scratch")
    outside = filled(tmp_path / "outside", {"deep/kept": ""})
    for name in ("link", "a/link"):
        (folder / name).symlink_to(outside)
    assert scratch.remove(str(folder), 60)
    assert not folder.exists()
    assert (outside / "deep" / "kept").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes it at once")
def test_what_takes_too_long_to_remove_is_left(tmp_path):
    assert not scratch.remove(str(branched(tmp_path / "scratch")), -1)
    assert (tmp_path / "scratch" / "a" / "b" / "c" / "file").exists()


def test_on_windows_a_scratch_folder_is_removed_too_and_one_that_is_gone_is_no_fault(
    tmp_path, monkeypatch
):
    folder = str(branched(tmp_path / "scratch"))
    monkeypatch.setattr(sys, "platform", "win32")
    assert scratch.remove(folder, 60)
    assert scratch.remove(folder, 60)
    assert not os.path.exists(folder)


@linux
def test_an_ordinary_users_own_folders_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "is_root", lambda: False)
    branched(tmp_path / "companion-left")
    scratch.sweep()
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_scratch_folder_may_be_filled_to_its_bounds(tmp_path, monkeypatch):
    nobody = 0  # no process: /proc/0 is not there
    for number in range(3):
        (tmp_path / str(number)).write_bytes(bytes(10_000))
    used = 512 * sum(file.stat().st_blocks for file in tmp_path.iterdir())
    for name, bound in (("MAX_FILES", 3), ("MAX_BYTES", used)):
        with monkeypatch.context() as patch:
            patch.setattr(scratch, name, bound)
            assert not scratch.is_over_full(str(tmp_path), nobody)
            patch.setattr(scratch, name, bound - 1)
            assert scratch.is_over_full(str(tmp_path), nobody)


@linux
def test_what_a_scratch_folder_links_to_takes_no_room_and_an_open_file_takes_it_once(
    tmp_path, monkeypatch
):
    outside, folder = tmp_path / "outside", tmp_path / "scratch"
    filled(outside, {str(number): "" for number in range(20)})
    (outside / "large").write_bytes(bytes(12 << 20))
    folder.mkdir()
    (folder / "to a folder").symlink_to(outside)
    (folder / "to a file").symlink_to(outside / "large")
    monkeypatch.setattr(scratch, "MAX_FILES", 5)
    monkeypatch.setattr(scratch, "MAX_BYTES", 8 << 20)
    with (folder / "open").open("wb") as file:
        file.write(bytes(5 << 20))
        file.flush()
        assert not scratch.is_over_full(str(folder), os.getpid())


# -- users and the file system --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "has_them"),
    [
        ("0 0 4294967295", True),
        ("0 100000 65536", False),
        ("0 100000 65536\n1000000 5000000 4000000000", True),
        ("0 0 2147483648", True),
        ("0 0 2147483647", False),
        ("1073741824 0 1073741824", True),
        ("1073741825 0 2000000000", False),
        (None, False),
    ],
)
def test_a_system_has_unused_users_where_all_their_numbers_are_mapped(
    tmp_path, monkeypatch, ranges, has_them
):
    if ranges:
        filled(tmp_path, {"uid_map": ranges})
    monkeypatch.setattr(users, "Path", lambda name: tmp_path / "uid_map")
    assert users._has_unused_users.__wrapped__() is has_them


def test_every_worker_of_root_is_a_user_of_its_own_where_there_are_some(monkeypatch):
    monkeypatch.setattr(users, "_has_unused_users", lambda: True)
    numbers = [users.unused_user() for _ in range(3)]
    assert len(set(numbers)) == 3
    assert all(1 << 30 <= number < 1 << 31 for number in numbers)
    monkeypatch.setattr(users, "_has_unused_users", lambda: False)
    assert users.unused_user() == 65534  # nobody


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such users")
@pytest.mark.parametrize(("number", "is_root"), [(0, True), (1, False), (1000, False)])
def test_root_is_user_0(monkeypatch, number, is_root):
    monkeypatch.setattr(os, "geteuid", lambda: number)
    assert users.is_root() is is_root


def test_libraries_are_found_where_they_are_imported_from_and_some_may_be_missing(monkeypatch):
    monkeypatch.setattr(
        sys, "path", [path for path in sys.path if Path(path).name not in file_system.LIBRARIES]
    )
    assert str(Path(np.__file__).parents[1]) in file_system.package_folders()
    monkeypatch.setattr(file_system.importlib.util, "find_spec", lambda name: None)
    assert file_system.package_folders() == []


def test_a_folder_is_taken_apart_where_something_in_it_is_hidden(tmp_path):
    filled(tmp_path, {"a/secret/x": "", "a/b/x": "", "a/c": "", "d/x": ""})
    a, d = str(tmp_path / "a"), str(tmp_path / "d")
    parts = file_system.open_parts([a, d], [str(tmp_path / "a" / "secret")])
    assert sorted(parts) == [str(tmp_path / "a" / "b"), str(tmp_path / "a" / "c"), d]
    assert file_system.open_parts([a], []) == [a]


@linux
def test_a_file_is_open_to_all_where_it_and_every_folder_above_it_are(tmp_path):
    filled(tmp_path, {"closed/file": ""})
    (tmp_path / "closed" / "file").chmod(0o644)
    (tmp_path / "closed").chmod(0o700)
    assert file_system.is_open_to_all("/proc/version")
    assert not file_system.is_open_to_all(str(tmp_path / "closed" / "file"))
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        os.chmod(file.name, 0o600)
        assert not file_system.is_open_to_all(file.name)
        os.chmod(file.name, 0o644)
        assert file_system.is_open_to_all(file.name)
