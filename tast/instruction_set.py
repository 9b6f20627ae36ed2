"""Which of the processor's instructions the numerical libraries use: the same ones on every machine, or all that it has.

numpy, torch, OpenCV, OpenBLAS, MKL and numba each pick the widest vectors that they find, and each width adds and rounds in an
order of its own: the last bits of a result tell the type of the processor. With `avx2` all of them compute as on any x86-64
processor since 2013 (AVX2 and FMA, Intel's Haswell), by their own switches. They read those when they are first imported, so that
`choose` comes before. Child processes inherit the choice.

What needs no switch: dlib is compiled for AVX alone; MediaPipe's inference adds in one order at every width; FFmpeg's and x264's
arithmetic is in integers; glibc's mathematics are one code from FMA on. MKL keeps the order of its AVX2 sums on Intel's
processors alone; that of what it calls COMPATIBLE on all, at no cost to a training that could be measured.

Standard library and YAML only: nothing here may import what is to be switched.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from pathlib import Path

from ruamel.yaml.error import YAMLError

from tast.errors import TastError
from tast.yaml_text import yaml_of

AVX2, NATIVE = "avx2", "native"
CHOSEN = "TAST_INSTRUCTION_SET"  # environment: that the switches below are ours
CPUINFO = Path("/proc/cpuinfo")

SWITCHES = {  # library's environment variable -> value; "": none, which undoes one from outside
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ONEDNN_CPU_ISA_HINTS": "NO_HINTS",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENCV_IPP": "avx2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+movbe,+popcnt",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
    "NPY_ENABLE_CPU_FEATURES": "",
}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # OpenBLAS would take one per core, and sum in another order with each number
COMPILED = "TORCHINDUCTOR_CACHE_DIR"  # torch.compile keeps machine code there, and does not ask for which instructions it is
# Two libraries complain where they are told to leave alone what the processor has not: name there -> /proc/cpuinfo's flags.
SKYLAKE = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"})
CASCADE = SKYLAKE | {"avx512_vnni"}
CANNON = SKYLAKE | {"avx512ifma", "avx512vbmi"}
KNIGHTS = frozenset({"avx512f", "avx512cd", "avx512er", "avx512pf"})
NUMPY_WIDER = {
    "AVX512F": frozenset({"avx512f"}),
    "AVX512CD": frozenset({"avx512f", "avx512cd"}),
    "AVX512_KNL": KNIGHTS,
    "AVX512_KNM": KNIGHTS | {"avx512_4fmaps", "avx512_4vnniw", "avx512_vpopcntdq"},
    "AVX512_SKX": SKYLAKE,
    "AVX512_CLX": CASCADE,
    "AVX512_CNL": CANNON,
    "AVX512_ICL": CASCADE | CANNON | {"avx512_vbmi2", "avx512_bitalg", "avx512_vpopcntdq"},
}
OPENCV_WIDER = {"AVX512-SKX": SKYLAKE}
SWITCHED = ("numpy", "torch", "cv2", "numba", "scipy", "pyarrow")  # they read the switches when they are imported

_too_late = False


def wanted(params: Path = Path("params.yaml")) -> str:
    """compute.instruction_set of params.yaml; where the file or the key is not there, avx2 if the processor has it.

    Mistakes in the file are left to whoever reads it for its own sake.
    """
    try:
        found = yaml_of(params.read_text(encoding="utf-8"))["compute"]["instruction_set"]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError):
        found = None
    return found if found in (AVX2, NATIVE) else AVX2 if processor_has_avx2() else NATIVE


def choose(name: str) -> None:
    """Set the libraries' switches in this process's environment, whatever they were. Call it before they are imported.

    avx2 on a processor without it, and native, leave the libraries to what they find; only switches of an earlier choice go. The
    number of cores decides nothing either way: OpenBLAS computes on one thread, and who uses torch or OpenCV says on how many.
    """
    global _too_late
    before = dict(os.environ)
    if os.environ.pop(CHOSEN, None):
        for switch in (*_switches(), COMPILED):
            os.environ.pop(switch, None)
    if name == AVX2 and processor_has_avx2():
        os.environ |= {switch: value for switch, value in _switches().items() if value} | {CHOSEN: AVX2}
        os.environ[COMPILED] = str(Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}_{AVX2}")
        for switch in (switch for switch, value in _switches().items() if not value):
            os.environ.pop(switch, None)
    os.environ |= ONE_THREAD
    if dict(os.environ) != before and any(library in sys.modules for library in SWITCHED):
        _too_late = True


def in_force() -> str:
    """What this process computes with: `avx2`, or `native` with a digest of the processor and of the switches that bear on it."""
    switches = {switch: os.environ.get(switch, "") for switch in _switches()}
    if os.environ.get(CHOSEN) == AVX2 and switches == _switches() and not _too_late:
        return AVX2
    return f"{NATIVE} {hashlib.sha256(f'{sorted(switches.items())} {_processor()}'.encode()).hexdigest()[:16]}"


def require(name: str) -> None:
    """Raises TastError where this process computes with another instruction set than the one named."""
    if name == AVX2 and not processor_has_avx2():
        raise TastError(
            f"compute.instruction_set = {name!r}: this processor ({platform.machine()}) lacks AVX2 or FMA; expected {NATIVE!r}"
        )
    if not in_force().startswith(name):
        raise TastError(
            f"compute.instruction_set = {name!r}, and this process computes with {in_force()!r}: numpy, torch or OpenCV were "
            f"imported before it was chosen; expected {CHOSEN} and its switches in the environment (docs/scaling.md)"
        )


def processor_has_avx2(cpuinfo: Path = CPUINFO) -> bool:
    """AVX2 and FMA; of an x86-64 machine that does not say, it is taken to be of 2013 or later."""
    flags = _flags(cpuinfo)
    return platform.machine().lower() in ("x86_64", "amd64") and (not flags or flags >= {"avx2", "fma"})


def _switches() -> dict[str, str]:
    """SWITCHES, and those whose value depends on the processor."""
    flags = _flags(CPUINFO)
    wider = {"NPY_DISABLE_CPU_FEATURES": NUMPY_WIDER, "OPENCV_CPU_DISABLE": OPENCV_WIDER}
    found = {switch: " ".join(name for name, needs in names.items() if needs <= flags) for switch, names in wider.items()}
    return SWITCHES | found


def _flags(cpuinfo: Path) -> frozenset[str]:
    return frozenset(_field("flags", cpuinfo).split())


def _processor() -> str:
    fields = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features")
    return " ".join([platform.machine(), platform.processor(), *(_field(name, CPUINFO) for name in fields)])


def _field(name: str, cpuinfo: Path) -> str:
    """Of the first processor in Linux's list; "" where there is no such field or list."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), "")
