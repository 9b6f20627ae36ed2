"""How a recording is coded: what a camera, or a published data set, makes of its frames. Plain values; opens no video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tast.errors import TastError


@dataclass(frozen=True)
class Coding:
    """codec: a name in CODECS of tast.video.write_coded, or "png". suffix: of the container; "" is a folder of images.

    quality: the codec's quantiser or rate factor; bits_per_pixel: a mean rate in its place (exactly one of the two, of "png"
    neither). bits: of a sample, 8 or 10. subsampling: "420", "422" or "444". matrix: bt601, bt709, bt2020. transfer: sdr, hlg,
    pq; hlg and pq, and the matrix bt2020, go with BT.2020's primaries, unless display_p3: P3's, as phones have them. tagged:
    whether the file says so. rate_hz: what the container announces; None: the true rate. rotation_degrees: counter-clockwise, by
    which a player is to turn what is stored (MP4 alone holds it). generations: 2: the frames were an H.264 file of a phone
    before.
    """

    codec: str = "png"
    suffix: str = ""
    quality: int | None = None
    bits_per_pixel: float | None = None
    bits: int = 8
    subsampling: str = "420"
    full_range: bool = False
    matrix: str = "bt601"
    transfer: str = "sdr"
    display_p3: bool = False
    tagged: bool = True
    rate_hz: float | None = None
    rotation_degrees: int = 0
    generations: int = 1

    @property
    def label(self) -> str:
        """What it is, in two words or three: h264, hevc hlg, mpeg4 twice."""
        words = [self.codec, *([self.transfer] if self.transfer != "sdr" else []), *(["twice"] if self.generations == 2 else [])]
        return " ".join(["lossless" if (self.codec, self.quality) == ("h264", 0) else words[0], *words[1:]])

    @property
    def primaries(self) -> str:
        """A name in TO_PRIMARIES of tast.video.transfer."""
        if self.display_p3:
            return "p3"
        return "bt2020" if self.transfer != "sdr" or self.matrix == "bt2020" else "bt709"

    def __post_init__(self) -> None:
        n_rates = (self.quality is not None) + (self.bits_per_pixel is not None)
        if n_rates != (self.codec != "png"):
            raise TastError(f"{self.codec}: {n_rates} of quality and bits_per_pixel; expected one, none for png")
        if self.bits == 8 and self.transfer != "sdr":
            raise TastError(f"transfer {self.transfer!r} in 8 bits; expected 10, steps would show otherwise")
        if self.rotation_degrees % 90 or (self.rotation_degrees and self.suffix != ".mp4"):
            raise TastError(
                f"rotation of {self.rotation_degrees} degrees in {self.suffix or 'images'}; expected quarters, in .mp4"
            )
        if self.generations == 2 and (self.bits != 8 or self.codec == "png"):
            raise TastError("two generations of 10 bits, or of PNG, are not written; expected 8 bits and a video's codec")


def _mjpeg_vipl(rng: np.random.Generator) -> Coding:
    """VIPL-HR: Motion JPEG at 4.1 Mbit/s, which is .53 bit per pixel at 640x480 and 25 Hz."""
    return Coding("mjpeg", ".avi", bits_per_pixel=_between(rng, 0.45, 0.7), full_range=True)


def _mpeg4_mcd(rng: np.random.Generator) -> Coding:
    """MCD-rPPG: MPEG-4 Part 2 at .12 to .39 bit per pixel."""
    return Coding("mpeg4", ".avi", bits_per_pixel=_between(rng, 0.12, 0.39), tagged=False)


def _h264_avi(rng: np.random.Generator) -> Coding:
    """SUMS and LADH: H.264 in AVI; their rate is not known here (assumed: visually good)."""
    return Coding("h264", ".avi", quality=int(rng.integers(12, 24)), tagged=False)


def _h264_phone(rng: np.random.Generator) -> Coding:
    """8 to 17 Mbit/s at 1920x1080 and 30 Hz (assumed), BT.709 as phones tag it."""
    return Coding("h264", ".mp4", bits_per_pixel=_between(rng, 0.13, 0.27), matrix="bt709")


def _hevc_hlg_phone(rng: np.random.Generator) -> Coding:
    """HLG in 10 bits at 8 to 25 Mbit/s, taken at 1920x1080 and 30 Hz."""
    rate = _between(rng, 0.13, 0.4)
    return Coding("hevc", ".mp4", bits_per_pixel=rate, bits=10, matrix="bt2020", transfer="hlg")


def _two_generations(rng: np.random.Generator) -> Coding:
    kinds = (_mjpeg_vipl, _mpeg4_mcd, _h264_avi)
    once = kinds[int(rng.integers(len(kinds)))](rng)
    return Coding(**{**vars(once), "generations": 2})


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Evenly in the logarithm, to three digits."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


Draw = Callable[[np.random.Generator], Coding]
CODINGS: dict[str, tuple[int, Draw]] = {  # name -> bits of a sample, how one is drawn
    "png": (8, lambda rng: Coding()),
    "lossless": (8, lambda rng: Coding("h264", ".mkv", quality=0, subsampling="444", matrix="bt709")),
    "mjpeg_vipl": (8, _mjpeg_vipl),
    "mpeg4_mcd": (8, _mpeg4_mcd),
    "h264_avi": (8, _h264_avi),
    "h264_phone": (8, _h264_phone),
    "hevc": (8, lambda rng: Coding("hevc", ".mp4", quality=int(rng.integers(18, 28)), matrix="bt709")),
    "vp9": (8, lambda rng: Coding("vp9", ".mkv", bits_per_pixel=_between(rng, 0.05, 0.2), matrix="bt709")),
    "two_generations": (8, _two_generations),
    "hevc10": (10, lambda rng: Coding("hevc", ".mp4", quality=int(rng.integers(16, 26)), bits=10, matrix="bt709")),
    "hevc_hlg_phone": (10, _hevc_hlg_phone),
    "hevc_pq": (
        10,
        lambda rng: Coding("hevc", ".mp4", quality=int(rng.integers(12, 22)), bits=10, matrix="bt2020", transfer="pq"),
    ),
}


def draw_coding(rng: np.random.Generator, pool: Sequence[str], bits: int) -> Coding:
    """One of those in the pool (names in CODINGS) that hold samples of so many bits, each as likely; its rates drawn too.

    Raises TastError for an unknown name, and where none of the pool holds them.
    """
    if unknown := [name for name in pool if name not in CODINGS]:
        raise TastError(f"coding {unknown[0]!r} is unknown; expected some of {', '.join(CODINGS)}")
    fitting = [name for name in pool if CODINGS[name][0] == bits]
    if not fitting:
        raise TastError(f"no coding of {bits} bits among {', '.join(pool)}; expected one of "
                        f"{', '.join(name for name, (held, _) in CODINGS.items() if held == bits)}")  # fmt: skip
    return CODINGS[fitting[int(rng.integers(len(fitting)))]][1](rng)
