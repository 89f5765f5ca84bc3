"""Several processes as one: who may take part, equal results, and what happens to a lost one."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import companion
from companion.datasets import load
from companion.errors import UserError
from companion.training import batches, machines
from companion.training.hardware import Machine, plan_for

LOSSES = ["loss", "accuracy", "val_loss", "val_accuracy"]


@pytest.fixture
def port():
    with socket.create_server(("", 0)) as probe:
        return probe.getsockname()[1]


def answer(port, process, processes=2, call=None):
    hello = {"process": process, "processes": processes, "call": call or {}}
    return machines._join_rendezvous("127.0.0.1", port, hello, 5)


def test_processes_meet_and_whoever_does_not_fit_is_sent_away(port):
    result = {}

    def zero():
        result[0] = machines._host_rendezvous("127.0.0.1", port, 3, {"seed": 0}, 10)

    def arrive(process):
        line = socket.create_connection(("127.0.0.1", port), timeout=5)
        machines._send(line, {"process": process, "processes": 3, "call": {"seed": 0}})
        return line

    waiting = threading.Thread(target=zero)
    waiting.start()
    with pytest.raises(UserError, match="started for 3 processes, this for 2"):
        answer(port, 1, 2, {"seed": 0})
    with pytest.raises(UserError, match="seed is 0 there and 5 here"):
        answer(port, 2, 3, {"seed": 5})
    with pytest.raises(UserError, match="there is a process 0 already"):
        answer(port, 0, 3, {"seed": 0})
    with socket.create_connection(("127.0.0.1", port)) as passer_by:
        passer_by.sendall(b"GET / HTTP/1.1\n")
    arrive(1).close()  # it died while it waited: its number is free again
    with arrive(1) as first:
        with pytest.raises(UserError, match="there is a process 1 already"):
            answer(port, 1, 3, {"seed": 0})
        result[2] = answer(port, 2, 3, {"seed": 0})
        result[1] = machines._receive(first)["port"]
    waiting.join(10)
    (meeting, lines), (same_meeting, line) = result[0], result[2]
    assert meeting == same_meeting == result[1] != port
    line.sendall(b".")  # the lines stay open, to be watched
    assert lines[1].recv(1) == b"."
    for one in (*lines, line):
        one.close()
    with pytest.raises(UserError, match="there is a process 1 already"):
        answer(port, 1, 3, {"seed": 0})
    with pytest.raises(UserError, match=r"Process 0 cannot wait at port \d+: Address already"):
        machines._host_rendezvous("127.0.0.1", port, 3, {}, 1)


def test_a_process_that_does_not_come_is_named(port):
    with pytest.raises(UserError, match="Process 1, 2 of 3 did not come to localhost"):
        machines._host_rendezvous("localhost", port, 3, {}, 0.2)


def test_a_process_without_a_process_0_gives_up(port):
    hello = {"process": 1, "processes": 2, "call": {}}
    with pytest.raises(UserError, match=r"Process 0 did not answer at 127.0.0.1:\d+ in 0 s"):
        machines._join_rendezvous("127.0.0.1", port, hello, 0)


@pytest.mark.parametrize(
    ("coordinator", "processes", "process", "message"),
    [
        ("localhost", 2, 0, "--coordinator is HOST:PORT"),
        ("localhost:many", 2, 0, "--coordinator is HOST:PORT"),
        ("no.such.machine.invalid:5678", 2, 1, "There is no machine named"),
        ("127.0.0.1:5678", 2, 2, "Received: process 2 of 2"),
    ],
)
def test_a_wrong_call_is_told(monkeypatch, coordinator, processes, process, message):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(machines, "backend_name", lambda: "jax")
    with pytest.raises(UserError, match=message):
        machines.join(coordinator, processes, process)


def test_another_backend_is_told_the_way_round(monkeypatch):
    monkeypatch.setattr(machines, "backend_name", lambda: "tensorflow")
    with pytest.raises(UserError, match="Start every process with KERAS_BACKEND=jax"):
        machines.join("127.0.0.1:5678", 2, 0)


@pytest.mark.parametrize(
    ("own", "address", "message"),
    [
        ("127.0.1.1", "10.0.0.1", {"hostname": "10.0.0.1"}),  # Debian's own name for itself
        ("10.0.0.1", "10.0.0.1", {}),
        ("127.0.1.1", "127.0.0.1", {}),  # all on one machine
    ],
)
def test_other_machines_reach_this_one_though_its_name_stands_for_itself(
    monkeypatch, own, address, message
):
    jaxlib = SimpleNamespace(_jax=SimpleNamespace(make_gloo_tcp_collectives=dict))
    monkeypatch.setattr(machines.importlib, "import_module", lambda name: jaxlib)
    monkeypatch.setattr(machines.socket, "gethostbyname", lambda name: own)
    machines._use_address(address)
    assert jaxlib._jax.make_gloo_tcp_collectives() == message


def test_where_jax_cannot_be_told_an_address_the_way_round_is_said(monkeypatch):
    monkeypatch.setattr(machines.importlib, "import_module", lambda name: SimpleNamespace())
    monkeypatch.setattr(machines.socket, "gethostbyname", lambda name: "127.0.1.1")
    with pytest.raises(UserError, match=r"In /etc/hosts, let it stand for 10\.0\.0\.1"):
        machines._use_address("10.0.0.1")


@pytest.mark.parametrize("changes", [{}, {"shift": 2}, {"shift": 1, "turn": 10.0, "zoom": 0.1}])
def test_the_parts_of_the_processes_make_up_the_batch(changes):
    digits = load("digits").train
    whole, *parts = (
        batches.Batches(digits.x, digits.y, 12, seed=1, process=process, processes=of, **changes)
        for process, of in ((0, 1), (0, 3), (1, 3), (2, 3))
    )
    for step in (0, 107, 500):
        for put_together, expected in zip(
            map(np.concatenate, zip(*(part[step] for part in parts), strict=True)),
            whole[step],
            strict=True,
        ):
            np.testing.assert_array_equal(put_together, expected)


@pytest.mark.parametrize("count", [2, 5])
def test_weighted_parts_of_the_validation_split_give_its_mean(count):
    data = load("digits")
    loss = np.random.default_rng(0).random(len(data.validation))
    by_image = {
        image.tobytes(): value for image, value in zip(data.validation.x, loss, strict=True)
    }
    total = rows = 0
    for process in range(count):
        plan = plan_for(Machine("jax", processes=count, cpus=count))
        split = data.validation
        x, _, weights = plan.strategy.shared((split.x, split.y), count, count, process)
        total += sum(w * by_image[image.tobytes()] for image, w in zip(x, weights, strict=True))
        rows += len(x)
    assert rows % count == 0
    assert total / rows == pytest.approx(loss.mean(), rel=1e-5)


PROCESS = """
    import json, os, signal, sys
    import companion
    from pathlib import Path
    from companion.training import machines

    address, processes, process, folder = sys.argv[1:]
    processes, process, folder = int(processes), int(process), Path(folder)
    if processes > 1:
        machines.join(address, processes, process, call={}, folder=folder / "lost")
    import keras
    from companion.training import recorder

    def network(classes=10):
        layers = keras.layers
        return keras.Sequential([
            keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32, activation="relu"),
            layers.BatchNormalization(), layers.Dropout(0.2),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ])

    recorder.SECONDS_BETWEEN_SAVES = 0
    options = dict(epochs=2, batch_size=160, show_progress=False)
    run = companion.train(network, output=folder / f"run-{processes}", **options)
    history = run.history.drop(columns="seconds").to_dict("list")
    weights = [weight.tolist() for weight in run.model.get_weights()]
    print(json.dumps([history, run.metrics, weights, run.to_json()]), flush=True)
    if processes == 1:
        raise SystemExit

    class Vanish(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if process == 1 and self.epoch == 2 and batch == 3:
                os.kill(os.getpid(), signal.SIGKILL)

    with machines.watched():
        options["epochs"] = 4
        companion.train(network, output=folder / "lost", callbacks=[Vanish()], **options)
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """One process, then two together, of which one is lost in a second run."""
    folder = tmp_path_factory.mktemp("machines")
    with socket.create_server(("", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path}

    def start(count, number):
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROCESS), address, str(count), str(number),
             str(folder)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    started = [start(1, 0), start(2, 0), start(2, 1)]
    try:
        output = [one.communicate(timeout=600) for one in started]
    finally:
        for one in started:
            one.kill()
            one.communicate()
    return folder, [one.returncode for one in started], output


def results(said):
    lines = [line for line in said[0].splitlines() if line.startswith("[{")]
    assert lines, said[1]
    return json.loads(lines[-1])


@pytest.mark.slow
@pytest.mark.drawn
def test_two_processes_give_the_losses_of_one_and_equal_weights(processes):
    folder, _, output = processes
    alone, first, second = map(results, output)
    assert first[2] == second[2]
    for column, values in alone[0].items():
        np.testing.assert_allclose(first[0][column], values, atol=1e-5, err_msg=column)
        np.testing.assert_allclose(second[0][column], values, atol=1e-5, err_msg=column)
    for ours, theirs in zip(first[2], alone[2], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert first[1]["loss"] == pytest.approx(alone[1]["loss"], abs=1e-5)
    assert first[3]["hardware"]["strategy"] == "DataParallel"
    assert first[3]["folder"] == str(folder / "run-2")
    assert second[3]["folder"] is None


@pytest.mark.slow
def test_a_lost_process_ends_the_run_with_a_state_to_go_on_from(processes):
    folder, codes, output = processes
    assert codes == [0, 1, -signal.SIGKILL], output
    assert "another process of this run has gone" in output[1][1]
    assert f"--resume {folder / 'lost'}" in output[1][1]
    # Another backend, another strategy: what TensorFlow reads, JAX in two processes wrote.
    kept = pd.read_csv(folder / "lost" / "history.csv")
    run = companion.resume(folder / "lost", show_progress=False)
    assert run.hardware["strategy"] == "one device"
    assert len(kept) == 2
    assert len(run.history) == 4
    np.testing.assert_allclose(run.history[LOSSES][:2], kept[LOSSES])


@pytest.fixture
def line(monkeypatch):
    """Both ends of a line, and the folders of the watches that have lost the other one."""
    monkeypatch.setattr(machines, "HEARTBEAT", 1.0)
    monkeypatch.setattr(machines, "GRACE", 1.0)
    lost = queue.Queue()
    monkeypatch.setattr(machines, "abandon", lost.put)
    here, there = socket.socketpair()
    with here, there:
        yield here, there, lost


def test_a_process_that_takes_leave_is_not_lost(line):
    here, there, lost = line
    one, other = machines.Heartbeat([here], "one"), machines.Heartbeat([there], "other")
    time.sleep(1.5)  # longer than either would wait for a word
    for heartbeat in (one, other):
        heartbeat.succeeded = True
        heartbeat.end()
    for listener in (*one._listeners, *other._listeners):
        listener.join(5)
        assert not listener.is_alive()
    assert lost.empty()


@pytest.mark.parametrize("silent", [True, False])
def test_a_line_that_breaks_or_falls_silent_is_a_loss(line, silent):
    here, there, lost = line
    machines.Heartbeat([here], "one")
    if not silent:
        there.close()
    assert lost.get(timeout=5) == "one"


def test_a_process_that_ends_before_its_work_is_done_is_lost_to_the_others(line, monkeypatch):
    here, there, lost = line
    codes = queue.Queue()
    monkeypatch.setattr(machines.os, "_exit", codes.put)
    machines.Heartbeat([here], "one")
    # An error outside `watched`: nobody has said anything.
    machines.Heartbeat([there], "other").end()
    assert lost.get(timeout=5) == "one"
    assert codes.get(timeout=5) == 1


def test_a_process_that_fails_is_lost_to_the_others_but_not_where_all_fail(line):
    here, there, lost = line
    machines.Heartbeat([here], "one")
    machines.Heartbeat([there], "other").fail()
    assert lost.get(timeout=5) == "one"
    with contextlib.ExitStack() as stack:
        pair = [stack.enter_context(end) for end in socket.socketpair()]
        both = [machines.Heartbeat([end], "both") for end in pair]
        for heartbeat in both:
            heartbeat.fail()
        for heartbeat in both:
            heartbeat.end()
    assert lost.empty()


STEPS = """
    import signal, sys
    from pathlib import Path
    from companion.training import machines

    machines.HEARTBEAT, machines.GRACE = 4.0, 1.0
    address, processes, process, folder = sys.argv[1:]
    machines.join(address, int(processes), int(process), folder=Path(folder))
    from jax.experimental import multihost_utils

    def fail(*_):
        raise ArithmeticError("this process fails")

    signal.signal(signal.SIGUSR1, fail)
    with machines.watched():
        print("joined", flush=True)
        while True:
            multihost_utils.sync_global_devices("step")
"""


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize(
    ("count", "lost", "how"),
    [
        (3, 0, signal.SIGKILL),
        (3, 1, signal.SIGKILL),
        (2, 0, signal.SIGSTOP),  # silent, as behind a network that is gone
        (3, 1, signal.SIGSTOP),
        (3, 1, signal.SIGUSR1),  # an error of its own
    ],
)
def test_the_others_end_soon_and_say_so_when_a_process_is_lost(tmp_path, port, count, lost, how):
    (tmp_path / "run.json").write_text("{}")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(STEPS), f"127.0.0.1:{port}", str(count),
             str(number), str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for number in range(count)
    ]  # fmt: skip
    try:
        assert [one.stdout.readline() for one in started] == ["joined\n"] * count
        started[lost].send_signal(how)
        for number, one in enumerate(started):
            if number != lost:
                output = one.communicate(timeout=240)[1]
                assert one.returncode == 1
                assert output.count("another process of this run has gone") == 1
                assert f"--resume {tmp_path}" in output
                assert "Traceback" not in output
        if how == signal.SIGUSR1:
            output = started[lost].communicate(timeout=240)[1]
            assert started[lost].returncode == 1
            assert "this process fails" in output
            assert "has gone" not in output
    finally:
        for one in started:
            one.kill()
            one.communicate()
