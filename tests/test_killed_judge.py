"""What a killed judge leaves behind, and what a full machine costs a verdict: nothing."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hostile_answers import BOXES, HONEST, double
from test_isolation import landlock_is_there, linux, marked

from companion.checking.judging import isolation, judge, scratch
from companion.checking.judging.clock import clock
from companion.checking.verdict import Status


@linux
@pytest.mark.parametrize("box", ["landlock", "seccomp"])
def test_an_answer_does_not_outlive_a_judge_that_is_killed_and_its_folder_is_swept(tmp_path, box):
    if box == "landlock" and not landlock_is_there():
        pytest.skip("this kernel has no Landlock")
    mark = f"k{os.getpid()}{box[:3]}"
    answer = textwrap.dedent(
        f"""
        import ctypes, os, time
        libc = ctypes.CDLL(None)
        libc.prctl(1, 0, 0, 0, 0)
        libc.prctl(15, b"{mark}")
        open("mine", "w")
        time.sleep(60)
        """
    )
    program = (
        "from hostile_answers import BOXES, double\n"
        "from companion.checking.judging.judge import Judge\n"
        f"Judge(BOXES[{box!r}]()).check({answer.encode()!r}, [double], time_limit=60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    here = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", program], cwd=here, env=environment) as process:
        end = time.monotonic() + 60
        while not (marked(mark) and list(tmp_path.glob("companion-*/mine"))):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.kill()
    end = time.monotonic() + 5
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert marked(mark) == []
    assert list(tmp_path.glob("companion-*"))
    subprocess.run(
        [sys.executable, "-c", "from companion.checking.judging import scratch; scratch.sweep()"],
        env=environment,
        check=True,
    )
    assert list(tmp_path.glob("companion-*")) == []


@linux
def test_a_folder_in_use_is_not_swept_nor_one_of_somebody_elses_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "companion-link").symlink_to(tmp_path / "other")
    with isolation.Worker(BOXES["seccomp"]()) as worker:
        worker.ready()
        scratch.sweep()
        assert len(list(tmp_path.glob("companion-*"))) == 2
    assert (tmp_path / "other").exists()


@linux
def test_a_machine_that_lets_no_thread_start_costs_no_verdict(monkeypatch):
    def none_left(*_):
        raise RuntimeError("can't start new thread")

    clock()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with judge.Judge(spare=False) as here:
            assert here.check(HONEST, [double]).verdicts[0].status is Status.PASS


@linux
def test_a_machine_that_lets_no_process_start_just_now_is_asked_again(monkeypatch):
    popen, refused = subprocess.Popen, []

    def at_times(*arguments, **options):
        if len(refused) < 2:
            refused.append(1)
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return popen(*arguments, **options)

    monkeypatch.setattr(isolation.subprocess, "Popen", at_times)
    with judge.Judge(spare=False) as here:
        assert here.check(HONEST, [double]).verdicts[0].status is Status.PASS
    assert len(refused) == 2
