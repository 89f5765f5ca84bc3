"""What the machine has, and the plan for training on it: devices, precision, and the reason."""

import contextlib
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from companion import keras_settings
from companion.errors import UserError
from companion.training.strategies import DataParallel, Mirrored, OneDevice

PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
DEVICES = ("auto", "cpu", "all")
BACKENDS = ("tensorflow", "jax", "torch")
# The compute capability from which a CUDA device calculates in a format at all.
NEEDED = {"mixed_float16": (5, 3), "mixed_bfloat16": (8, 0)}
GPU_PACKAGE = {
    "tensorflow": 'pip install "tensorflow[and-cuda]"',
    "jax": 'pip install "jax[cuda13]"',
    "torch": "pip install --force-reinstall torch",
}


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One GPU or TPU.

    Attributes:
        name: As its maker calls it.
        capability: CUDA compute capability, e.g. ``(8, 0)`` for an A100; None elsewhere.
        kind: ``"gpu"`` or ``"tpu"``.
    """

    name: str
    capability: tuple[int, int] | None = None
    kind: str = "gpu"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a backend sees to compute on.

    Attributes:
        backend: ``"tensorflow"``, ``"jax"`` or ``"torch"``.
        accelerators: GPUs or TPUs, of all processes together.
        processes: Processes that train together, each on a machine of its own as a rule.
        cpus: CPU devices of all processes; a process has one unless it was told to see more.
        processor: What the CPU is.
    """

    backend: str = "tensorflow"
    accelerators: tuple[Accelerator, ...] = ()
    processes: int = 1
    cpus: int = 1
    processor: str = platform.machine()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run uses its machine.

    Attributes:
        backend: ``"tensorflow"``, ``"jax"`` or ``"torch"``.
        devices: Names of the devices that compute, of all processes.
        precision: The Keras dtype policy.
        strategy: How a run is spread over them.
        reason: Why, in words.
        batch: Advice on the size of a batch.
        kind: ``"cpu"``, ``"gpu"`` or ``"tpu"``.
        processes: Processes that train together.
        process: This one's number, from 0.
    """

    backend: str
    devices: tuple[str, ...]
    precision: str
    strategy: OneDevice
    reason: str
    batch: str
    kind: str
    processes: int = 1
    process: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return asdict(self) | {"strategy": self.strategy.name}

    def check_batch(self, batch_size: int) -> None:
        """Say which batch sizes the devices can share, if this is none of them.

        Raises:
            UserError: If `batch_size` is no multiple of the number of devices.
        """
        count = len(self.devices)
        if batch_size % count:
            below, above = batch_size // count * count, -(-batch_size // count) * count
            nearest = " or ".join(str(size) for size in (below, above) if size)
            raise UserError(
                f"{count} devices share a batch in equal parts. Received: batch_size={batch_size}. "
                f"Take {nearest}."
            )


def backend_name() -> str:
    """Return the backend that Keras will load, without loading it.

    Raises:
        UserError: If it is not installed, or cannot train.
    """
    named = os.environ.get("KERAS_BACKEND", "")
    name = named or keras_settings.read().get("backend") or "tensorflow"
    by = "KERAS_BACKEND" if named else f"`backend` in {keras_settings.path()}"
    if name not in BACKENDS:
        raise UserError(f"{by} is one of {', '.join(BACKENDS)}. Received: {name!r}.")
    if importlib.util.find_spec(name) is None:
        extra = "" if name == "tensorflow" else f"[{name}]"
        raise UserError(
            f"{by} asks for {name}, which is not installed. Either "
            f'`pip install "lecture-companion{extra}"`, or set KERAS_BACKEND=tensorflow.'
        )
    return name


def accelerators() -> list[Accelerator]:
    """Return the accelerators that Keras's backend sees, of all processes."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            accelerators_seen = []
            for device in tf.config.list_physical_devices("GPU"):
                details = tf.config.experimental.get_device_details(device)
                name = details.get("device_name", device.name)
                accelerators_seen.append(Accelerator(name, details.get("compute_capability")))
            return accelerators_seen
        case "jax":
            import jax

            return [
                Accelerator(
                    device.device_kind,
                    _capability(getattr(device, "compute_capability", "")),
                    "tpu" if device.platform == "tpu" else "gpu",
                )
                for device in jax.devices()
                if device.platform != "cpu"
            ]
        case _:
            import torch

            return [
                Accelerator(torch.cuda.get_device_name(i), torch.cuda.get_device_capability(i))
                for i in range(torch.cuda.device_count())
            ]


def _capability(text: str) -> tuple[int, int] | None:
    major, _, minor = str(text).partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def look() -> Machine:
    """Return what Keras's backend sees here (loads Keras and its backend)."""
    import keras

    backend, processes, cpus = keras.backend.backend(), 1, 1
    if backend == "tensorflow":
        import tensorflow as tf

        cpus = len(tf.config.list_logical_devices("CPU"))
    elif backend == "jax":
        import jax

        processes, cpus = jax.process_count(), jax.device_count("cpu")
    return Machine(backend, tuple(accelerators()), processes, cpus)


def processor() -> str:
    """Return what the CPU is, as its maker calls it, and its cores."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} core{'s' * (cores != 1)}"


def plan(precision: str = "auto", devices: str = "auto") -> Plan:
    """Decide where and in which precision to train on this machine: `plan_for` what it has.

    Args:
        precision: ``"auto"``, ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``.
        devices: ``"auto"`` (every accelerator, or else one CPU), ``"cpu"``, ``"all"``, or a
            number of devices.

    Raises:
        UserError: If either is none of these, or the machine lacks it.
    """
    check(precision, devices)
    decided = plan_for(look(), precision, devices)
    if decided.processes > 1:
        import jax

        decided = replace(decided, process=jax.process_index())
    return decided


def check(precision: str, devices: str) -> None:
    """Say what is wrong with the words given, if anything is; loads nothing.

    Raises:
        UserError: If one of them is unknown.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision is one of {', '.join(PRECISIONS)}. Received: {precision!r}.")
    if devices not in DEVICES and not (devices.isdecimal() and int(devices) > 0):
        raise UserError(
            f"devices is a number or one of {', '.join(DEVICES)}. Received: {devices!r}."
        )


def plan_for(machine: Machine, precision: str = "auto", devices: str = "auto") -> Plan:
    """Decide where and in which precision a machine trains; looks at nothing but its arguments.

    float32 on a CPU, most of which emulate half precision; mixed_float16 on Volta and Turing, which
    have tensor cores for nothing else; mixed_bfloat16, whose range is float32's, from Ampere on
    and on TPUs. The weakest device decides for all.

    Args:
        machine: What there is.
        precision: As `plan` takes it.
        devices: As `plan` takes it.

    Raises:
        UserError: If the machine lacks the precision or the devices.

    >>> plan_for(Machine(accelerators=(Accelerator("T4", (7, 5)),))).precision
    'mixed_float16'
    """
    check(precision, devices)
    used = _chosen(machine, devices)
    kind = used[0].kind if used else "cpu"
    names = tuple(one.name for one in used) or _cpu_names(machine, devices)
    chosen, reason = _precision(machine, used, precision)
    strategy = OneDevice()
    if len(names) > 1:
        strategy = Mirrored() if machine.backend == "tensorflow" else DataParallel()
        reason += f"; {len(names)} devices share every batch"
    elif len(machine.accelerators) > 1 and machine.backend == "torch":
        reason += (
            f"; Keras trains on one of {len(machine.accelerators)} devices under PyTorch: "
            "KERAS_BACKEND=tensorflow or jax takes them all"
        )
    return Plan(
        machine.backend, names, chosen, strategy, reason, _batch_advice(kind, chosen, len(names)),
        kind, machine.processes,
    )  # fmt: skip


def devices_text(plan: dict[str, Any]) -> str:
    """Say on what a plan trains."""
    joined = f" of {plan['processes']} processes" if plan["processes"] > 1 else ""
    names = ", ".join(plan["devices"])
    return f"{plan['strategy']}: {names}{joined}" if len(plan["devices"]) > 1 else names


def _chosen(machine: Machine, devices: str) -> tuple[Accelerator, ...]:
    """Return the accelerators to use, none of them for CPUs."""
    available = machine.accelerators
    if machine.processes > 1 and machine.backend != "jax":
        raise UserError(
            "Several machines train together on JAX alone, since Keras's fit() does not run under "
            "TensorFlow's MultiWorkerMirroredStrategy. Set KERAS_BACKEND=jax. "
            f"Received: the backend {machine.backend}."
        )
    if devices.isdecimal():
        if machine.processes > 1:
            raise UserError(
                "Each of several processes uses all the devices it sees: leave --devices out, and "
                "hide some with CUDA_VISIBLE_DEVICES. "
                f"Received: devices={devices}."
            )
        have = len(available) or machine.cpus
        if int(devices) > have:
            listed = ", ".join(one.name for one in available) or "the CPU"
            raise UserError(
                f"{machine.backend} sees {have} device{'s' * (have > 1)} here ({listed}). "
                f"Received: devices={devices}. `companion doctor` says what a GPU would need."
            )
        available = available[: int(devices)]
        if int(devices) > 1 and machine.backend == "torch":
            raise UserError(
                "Keras trains on one device under PyTorch. Set KERAS_BACKEND=tensorflow or jax to "
                f"use {devices}."
            )
    if devices == "cpu":
        return ()
    return available[:1] if machine.backend == "torch" else available


def _cpu_names(machine: Machine, devices: str) -> tuple[str, ...]:
    """Return the names of the CPU devices to use: one, unless several were asked for."""
    count = 1
    if machine.processes > 1 or (devices == "all" and machine.backend != "torch"):
        count = machine.cpus
    elif devices.isdecimal():
        count = int(devices)
    return ("CPU",) if count == 1 else tuple(f"CPU:{number}" for number in range(count))


def _precision(machine: Machine, used: tuple[Accelerator, ...], requested: str) -> tuple[str, str]:
    """Return the dtype policy and the reason for it."""
    if not used:
        if requested in ("auto", "float32"):
            return "float32", f"a CPU ({machine.processor}) computes fastest in float32"
        return requested, f"{requested} was asked for; most CPUs emulate it, right but slowly"
    weakest = min(used, key=lambda one: one.capability or (99, 0))
    if requested != "auto":
        lacks = weakest.capability and weakest.capability < NEEDED.get(requested, (0, 0))
        if lacks or (requested == "mixed_float16" and weakest.kind == "tpu"):
            other = plan_for(machine).precision
            raise UserError(
                f"{weakest.name} does not compute in {requested.removeprefix('mixed_')}. "
                f"Take --precision {other}, which suits it, or --devices cpu to try it out slowly."
            )
        return requested, f"{requested} was asked for"
    if weakest.capability and weakest.capability < (7, 0):
        return "float32", f"{weakest.name} has no tensor cores for half precision"
    if weakest.capability and weakest.capability < (8, 0):
        reason = f"{weakest.name} has tensor cores for float16 only, so losses are scaled"
        return "mixed_float16", reason
    return "mixed_bfloat16", f"{weakest.name} multiplies bfloat16 at full speed"


def _batch_advice(kind: str, precision: str, count: int) -> str:
    advice = []
    if count > 1:
        advice.append(
            f"a multiple of {count}, and {count} times as large as for one device keeps each as "
            "busy (raise the learning rate with it: Goyal et al., 2017)"
        )
    if kind == "tpu":
        advice.append("a multiple of 8 for each core")
    elif kind == "gpu" and precision != "float32":
        advice.append(
            "a multiple of 8, as large as memory allows: tensor cores work in such blocks"
        )
    return "; ".join(advice) or "as the recipe has it"


def keep_programs() -> Path | None:
    """Have JAX keep what it compiles in the user's cache folder, where later runs find it.

    ``JAX_COMPILATION_CACHE_DIR`` names another folder. It is for accelerators: a program for a CPU
    may hold instructions that the next machine with the same home folder lacks.

    Returns:
        The folder; None where none can be written to, and every run compiles anew.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    if chosen := getattr(jax.config, "jax_compilation_cache_dir", None):
        return Path(chosen)
    caches = Path("~/Library/Caches" if platform.system() == "Darwin" else "~/.cache")
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or caches.expanduser())
        folder = folder / "lecture-companion" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a home folder that is read-only, or that nobody names
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    if importlib.util.find_spec("filelock"):  # what JAX needs to let old programs go
        jax.config.update("jax_compilation_cache_max_size", 2**30)
    compilation_cache.reset_cache()  # whatever was compiled before had none
    return folder


@contextlib.contextmanager
def following(chosen: Plan) -> Iterator[None]:
    """Build and train models by a plan: its precision, its devices."""
    import keras

    if chosen.backend == "jax" and chosen.kind != "cpu":
        keep_programs()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(chosen.precision)
    with contextlib.ExitStack() as scope:
        scope.enter_context(keras_settings.keras_defaults())
        scope.callback(keras.config.set_dtype_policy, before)
        scope.enter_context(chosen.strategy.scope(chosen.kind, len(chosen.devices)))
        yield


def gpu_advice(backend: str, *, card: bool, driver: bool) -> str:
    """Return what to do where no GPU is seen.

    Args:
        backend: Keras's backend.
        card: Whether an NVIDIA card is plugged in.
        driver: Whether its driver runs.
    """
    package = GPU_PACKAGE[backend]
    if driver:
        return f"An NVIDIA driver runs, but {backend} sees no GPU: `{package}` lets it."
    install = "install its driver (`sudo ubuntu-drivers install` on Ubuntu)"
    if card:
        return f"There is an NVIDIA card without a driver: {install}, then `{package}`."
    return f"No GPU is seen. Where there is an NVIDIA card, {install}, then `{package}`."


def nvidia() -> dict[str, bool]:
    """Say whether there is an NVIDIA card here, and whether its driver runs (Linux)."""
    vendors = Path("/sys/bus/pci/devices").glob("*/vendor")
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    return {
        "card": driver
        or any(vendor.read_text(encoding="ascii").strip() == "0x10de" for vendor in vendors),
        "driver": driver,
    }
