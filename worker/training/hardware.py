"""The hardware that the trainer uses, and its number formats, for each of Keras's backends."""

import importlib
import os
import platform
from pathlib import Path

import keras

AMX_FLAG = "amx_bf16"
AVX512_FLAG, AVX512_VENDOR = "avx512_bf16", "AuthenticAMD"
"""Flags of processors on which TensorFlow trains faster in bfloat16, the second only of this vendor. Seconds of
processor time per epoch of cifar10 in float32 and bfloat16, 2 cores: `fast` 18.3 and 12.3 on a Xeon with AMX, but 19.1
and 24.8 there with only AVX-512's bfloat16 (ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16); on an EPYC (Zen 5) with AVX-512's
bfloat16, `fast` 9.5 and 8.1, `fast-large` 164 and 109.
"""
BFLOAT16_COMPUTE_CAPABILITY = (8, 0)  # NVIDIA's Ampere, the first with bfloat16 in its tensor cores


def device() -> str:
    """`gpu` or `cpu`."""
    return "gpu" if keras.distribution.list_devices()[0].startswith("gpu") else "cpu"


def backend_version() -> str:
    """Version of Keras's backend library."""
    return str(importlib.import_module(keras.backend.backend()).__version__)


def policy_of(precision: str) -> str:
    """Keras's name of the dtype policy for a plan's `precision`; resolves `auto`."""
    if precision == "auto":
        return "mixed_bfloat16" if _is_bfloat16_faster() else "float32"
    return precision


def be_deterministic() -> None:
    """Allow only operations that give the same bits every time, for the rest of the process."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

        tf.config.experimental.enable_op_determinism()


def _is_bfloat16_faster() -> bool:
    is_tensorflow = keras.backend.backend() == "tensorflow"
    if device() == "cpu":
        return is_tensorflow and _is_processor_faster()
    if not is_tensorflow:
        return True  # practically every GPU that JAX runs on has bfloat16
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    capability = details.get("compute_capability")
    return capability is not None and tuple(capability) >= BFLOAT16_COMPUTE_CAPABILITY


def _is_processor_faster() -> bool:
    flags = _processor_flags()
    return AMX_FLAG in flags or (AVX512_FLAG in flags and AVX512_VENDOR in _processor_values("vendor_id"))


def processor() -> str:
    """The processor's name and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    names = _processor_values("model name") or [platform.machine()]
    return f"{names[0]}, {cores} {'core' if cores == 1 else 'cores'}"


def _processor_flags() -> frozenset[str]:
    """Processor flags as Linux lists them; empty on other systems."""
    return frozenset(flag for flags in _processor_values("flags") for flag in flags.split())


def _processor_values(field: str) -> list[str]:
    """A field's value for each processor as Linux lists them; empty on other systems."""
    return [line.partition(":")[2].strip() for line in _processor_lines() if line.startswith(field)]


def _processor_lines() -> list[str]:
    """What Linux says about its processors; empty on other systems."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
