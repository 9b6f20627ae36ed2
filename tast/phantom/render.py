"""Frames of a session, one at a time: the face's texture moved, lit, pulsating, before its wall, through the camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom import outlines
from tast.phantom.camera import exposed, exposure
from tast.phantom.drive import Drive, simulated_drive
from tast.phantom.face import DELAY_TAPS_S, FaceTexture, face_texture
from tast.phantom.filmed import eight_bits, filmed
from tast.phantom.head import Pose, face_points, relight
from tast.phantom.motion import HeadMotion, head_motion
from tast.phantom.physiology import Beat
from tast.phantom.scenarios import SCENARIOS
from tast.phantom.scene import Light, light, light_level, wall
from tast.phantom.session import Session, true_pulse
from tast.records import FloatArray

NODE_PX = 16  # the smooth maps (motion, shading) are computed at nodes that far apart and interpolated
FACE_PLACE = (0.5, 0.54)  # of the picture: where the middle of the face is, on average
TEXELS_PER_PX = 2.0  # fine enough that linear sampling neither blurs nor shimmers


@dataclass(frozen=True, eq=False)
class Stage:
    """All that stays the same during a session. wall_light (3, h, w): grey levels of the wall.

    scale: pixels per face unit; middle (x, y): the face's place in pixels. gain: grey levels per reflectance.
    """

    texture: FaceTexture
    rgba: FloatArray
    wall_light: FloatArray
    lamp: Light
    scale: float
    middle: tuple[float, float]
    gain: float


def render(
    session: Session, drive: Drive | None = None, beat: Beat | None = None
) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """Yield (time in seconds, frame (height, width, 3) uint8 RGB) of a session; of one in a world as `filmed` has it, in 8 bits.

    drive: what pulsates in the skin; beat: what jolts the head; the session's simulated pulse unless given.
    """
    if session.world is not None:
        yield from ((time_s, eight_bits(picture)) for time_s, picture in filmed(session, session.world, drive, beat))
        return
    noise = np.random.Generator(np.random.SFC64(session.camera_stream("noise").integers(1 << 62)))
    for time_s, light_in in noise_free(session, drive, beat):
        yield time_s, exposed(light_in, noise)


def noise_free(session: Session, drive: Drive | None = None, beat: Beat | None = None) -> Iterator[tuple[float, FloatArray]]:
    """As `render`, but the light (height, width, 3) float32 in grey levels before the camera's noise and rounding."""
    stage = _stage(session)
    times_s = session.frame_times_s()
    jolts = (beat or true_pulse(session)).beat_at(times_s)
    motion = head_motion(session.stream("motion"), SCENARIOS[session.scenario].setup, times_s, jolts)
    level = light_level(session.stream("light level"), times_s)
    absorption = (drive or simulated_drive(session)).absorption(times_s, DELAY_TAPS_S).astype(np.float32)
    for i, time_s in enumerate(times_s):
        yield float(time_s), _frame(stage, _pose(motion, i), absorption[i], float(level[i]))


def _stage(session: Session) -> Stage:
    rng = session.camera_stream("stage")
    height_px, width_px = session.height_px, session.width_px
    scale = session.face_height_px / outlines.FACE_HEIGHT * rng.uniform(0.96, 1.04)
    place = (FACE_PLACE[0] + rng.uniform(-0.02, 0.02), FACE_PLACE[1] + rng.uniform(-0.015, 0.015))
    lamp = light(rng, height_px, width_px)
    texture = face_texture(session.person, 1 / (scale * TEXELS_PER_PX))
    gain = exposure(texture.skin_rgb * lamp.rgb) * rng.uniform(0.92, 1.08) * SCENARIOS[session.scenario].light
    colour = (gain * lamp.rgb).astype(np.float32)
    return Stage(
        texture=texture,
        rgba=texture.rgba * np.append(colour, np.float32(1)),
        wall_light=np.ascontiguousarray((wall(rng, height_px, width_px) * lamp.rgb).transpose(2, 0, 1), dtype=np.float32),
        lamp=lamp,
        scale=scale,
        middle=(place[0] * width_px, place[1] * height_px),
        gain=gain,
    )


def _pose(motion: HeadMotion, i: int) -> Pose:
    unit = outlines.FACE_HEIGHT
    return Pose(
        right=unit * motion.right[i], down=unit * motion.down[i], yaw_rad=motion.yaw_rad[i], pitch_rad=motion.pitch_rad[i],
        roll_rad=motion.roll_rad[i], jaw=unit * motion.jaw[i],
    )  # fmt: skip


def _frame(stage: Stage, pose: Pose, absorption: FloatArray, level: float) -> FloatArray:
    """One frame's light (h, w, 3); absorption (taps, 3)."""
    height_px, width_px = stage.lamp.field.shape
    node_u, node_v = face_points(*_node_places(stage, height_px, width_px), pose)
    factor, gloss = relight(node_u, node_v, pose, stage.lamp.towards)
    u, v, factor, gloss = (_between_nodes(nodes, height_px, width_px) for nodes in (node_u, node_v, factor, gloss))
    texture = stage.texture
    *head, coverage = cv2.split(_looked_up(stage.rgba, u, v, texture.origin, texture.texel_size))
    lost = cv2.split(_looked_up(texture.perfusion @ absorption, u, v, texture.origin, texture.perfusion_texel_size))
    brightness = np.float32(level) * stage.lamp.field
    gloss = np.float32(stage.gain) * gloss * coverage
    background = 1 - coverage
    planes = [  # plane by plane: several times faster than on (h, w, 3)
        (head[c] * (1 - lost[c]) * factor + gloss + background * stage.wall_light[c]) * brightness for c in range(3)
    ]
    return cv2.merge(planes)


def _node_places(stage: Stage, height_px: int, width_px: int) -> tuple[FloatArray, FloatArray]:
    """Face units (x, y) of the nodes, which reach one node beyond the picture."""
    x_px = (np.arange(-1, -(-width_px // NODE_PX) + 1) + 0.5) * NODE_PX - 0.5
    y_px = (np.arange(-1, -(-height_px // NODE_PX) + 1) + 0.5) * NODE_PX - 0.5
    x = outlines.FACE_CENTRE[0] + (x_px - stage.middle[0]) / stage.scale
    y = outlines.FACE_CENTRE[1] + (y_px - stage.middle[1]) / stage.scale
    node_x, node_y = np.meshgrid(x, y)
    return node_x, node_y


def _between_nodes(nodes: FloatArray, height_px: int, width_px: int) -> FloatArray:
    size = nodes.shape[1] * NODE_PX, nodes.shape[0] * NODE_PX
    whole = cv2.resize(nodes.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return whole[NODE_PX : NODE_PX + height_px, NODE_PX : NODE_PX + width_px]


def _looked_up(texture: FloatArray, u: FloatArray, v: FloatArray, origin: tuple[float, float], texel_size: float) -> FloatArray:
    at_x, at_y = (u - np.float32(origin[0])) / np.float32(texel_size), (v - np.float32(origin[1])) / np.float32(texel_size)
    return cv2.remap(texture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
