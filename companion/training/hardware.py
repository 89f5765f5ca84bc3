"""What the machine has, and the plan for training on it: devices, precision, and the reason."""

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from companion.errors import UserError

PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
DEVICES = ("auto", "cpu", "all")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One GPU or TPU.

    Attributes:
        name: As its maker calls it.
        capability: CUDA compute capability, e.g. ``(8, 0)`` for an A100; None elsewhere.
    """

    name: str
    capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run uses its machine.

    Attributes:
        backend: ``"tensorflow"``, ``"jax"`` or ``"torch"``.
        devices: Names of the devices that compute.
        precision: The Keras dtype policy.
        strategy: ``"one device"`` or ``"MirroredStrategy"``.
        reason: Why, in words.
    """

    backend: str
    devices: tuple[str, ...]
    precision: str
    strategy: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return asdict(self)


def accelerators() -> list[Accelerator]:
    """Return the accelerators that Keras's backend sees."""
    import keras

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            found = []
            for device in tf.config.list_physical_devices("GPU"):
                details = tf.config.experimental.get_device_details(device)
                name = details.get("device_name", device.name)
                found.append(Accelerator(name, details.get("compute_capability")))
            return found
        case "jax":
            import jax

            return [
                Accelerator(
                    device.device_kind, _capability(getattr(device, "compute_capability", ""))
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


def plan(precision: str = "auto", devices: str = "auto") -> Plan:
    """Decide where and in which precision to train.

    float32 on a CPU, where half precision is emulated; mixed_float16 on Volta and Turing, which
    have tensor cores for nothing else; mixed_bfloat16, whose range is float32's, from Ampere on
    and on TPUs.

    Args:
        precision: ``"auto"``, ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``.
        devices: ``"auto"``, ``"cpu"`` or ``"all"``.

    Raises:
        UserError: If either is none of these.
    """
    import keras

    for name, value, known in (("precision", precision, PRECISIONS), ("devices", devices, DEVICES)):
        if value not in known:
            raise UserError(f"{name} is one of {', '.join(known)}. Received: {value!r}.")
    backend = keras.backend.backend()
    found = [] if devices == "cpu" else accelerators()
    if not found:
        chosen, reason = "float32", f"a CPU ({platform.machine()}) computes fastest in float32"
    elif any(device.capability and device.capability < (7, 0) for device in found):
        chosen, reason = "float32", f"{found[0].name} has no tensor cores for half precision"
    elif any(device.capability and device.capability < (8, 0) for device in found):
        chosen = "mixed_float16"
        reason = f"{found[0].name} has tensor cores for float16 only, so losses are scaled"
    else:
        chosen, reason = "mixed_bfloat16", f"{found[0].name} multiplies bfloat16 at full speed"
    if precision != "auto":
        chosen, reason = precision, f"{precision} was asked for"
    mirrored = len(found) > 1 and backend == "tensorflow"
    return Plan(
        backend,
        tuple(device.name for device in found) or ("CPU",),
        chosen,
        "MirroredStrategy" if mirrored else "one device",
        reason,
    )


@contextlib.contextmanager
def following(chosen: Plan) -> Iterator[None]:
    """Build and train models by a plan: its precision, its devices."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(chosen.precision)
    with contextlib.ExitStack() as scope:
        scope.callback(keras.config.set_dtype_policy, before)
        if chosen.backend == "tensorflow":
            import tensorflow as tf

            if chosen.strategy == "MirroredStrategy":
                scope.enter_context(tf.distribute.MirroredStrategy().scope())
            elif chosen.devices == ("CPU",):
                scope.enter_context(tf.device("/CPU:0"))
        yield
