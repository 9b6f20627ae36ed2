"""From vertices to pixels: loops that are compiled, each over one frame's vertices, triangles, edges or pixels.

One thread and a fixed order of sums, so that a frame's bytes depend on nothing but what goes in. Pictures are (H, W), pixel
centres at whole numbers, y down; depth is the distance from the camera. Triangles are front faces where they turn clockwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tast.compiled import compiled

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
Array = npt.NDArray[Any]

SLIVER = 1e-6  # twice the area in pixels: smaller triangles are none
CRACK = 1e-4  # of a triangle's area: how far beyond its edge a pixel still counts, so that neighbours leave no gap
SAME_SURFACE_CM = 0.3  # depths that close are one surface's: no outline runs between them
ROUND_CM = 2.0  # a round surface comes that much nearer within a pixel of its outline


@compiled
def deformed(rest: Float32Array, offsets: Float32Array, weights: Float32Array, moved: Float32Array) -> None:
    """moved (N, 3) = rest + sum of weights (K,) times offsets (K, n, 3); the offsets reach the first n vertices."""
    moved[:] = rest
    for k in range(len(weights)):
        weight = weights[k]
        if weight != 0:
            for i in range(offsets.shape[1]):
                for c in range(3):
                    moved[i, c] += weight * offsets[k, i, c]


@compiled
def vertex_normals(vertices: Float32Array, triangles: IntArray, normals: Float32Array) -> None:
    """normals (N, 3): unit vectors outwards, y up, the mean over the triangles (M, 3) of each vertex, weighted by area."""
    normals[:] = 0
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[k, 0] - vertices[i, 0], vertices[k, 1] - vertices[i, 1], vertices[k, 2] - vertices[i, 2]
        nx, ny, nz = az * by - ay * bz, ax * bz - az * bx, ay * bx - ax * by
        for v in (i, j, k):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(len(normals)):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            normals[v] /= length


@compiled
def _box(screen: Float32Array, i: int, j: int, k: int, width: int, height: int) -> tuple[float, int, int, int, int]:
    """Of a triangle twice its area in pixels, above 0 for a front face, and the first and last column and row that it reaches."""
    x0, y0, x1, y1, x2, y2 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    left, right = max(int(np.ceil(min(x0, x1, x2))), 0), min(int(np.floor(max(x0, x1, x2))), width - 1)
    top, bottom = max(int(np.ceil(min(y0, y1, y2))), 0), min(int(np.floor(max(y0, y1, y2))), height - 1)
    return area, left, right, top, bottom


@compiled
def _steps(screen: Float32Array, i: int, j: int, k: int, area: float) -> tuple[float, float, float, float, float, float]:
    """Its first corner, x and y, and how the weights of its second and third grow with a step to the right and one down."""
    x0, y0, x1, y1, x2, y2 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
    inverse = np.float32(1) / area
    return x0, y0, (y2 - y0) * inverse, (x0 - x2) * inverse, (y0 - y1) * inverse, (x1 - x0) * inverse


@compiled
def drawn(
    screen: Float32Array, values: Float32Array, triangles: IntArray, depth: Float32Array, picture: Float32Array, facing: Array
) -> None:
    """Draw front faces into depth (H, W) and picture (H, W, C); facing (M,) bool: which triangles are front faces.

    screen (N, 3): x, y in pixels and depth; values (N, C) are interpolated.
    """
    height, width = depth.shape
    channels = values.shape[1]
    least, none, one = np.float32(-CRACK), np.float32(SLIVER), np.float32(1)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        area, left, right, top, bottom = _box(screen, i, j, k, width, height)
        facing[t] = area > none
        if area <= none:
            continue
        if left > right or top > bottom:
            continue
        x0, y0, right1, down1, right2, down2 = _steps(screen, i, j, k, area)
        z0, z1, z2 = screen[i, 2], screen[j, 2], screen[k, 2]
        for y in range(top, bottom + 1):
            dy = np.float32(y) - y0
            for x in range(left, right + 1):
                dx = np.float32(x) - x0
                b1 = dx * right1 + dy * down1
                b2 = dx * right2 + dy * down2
                b0 = one - b1 - b2
                if min(b0, b1, b2) < least:
                    continue
                z = b0 * z0 + b1 * z1 + b2 * z2
                if z < depth[y, x]:
                    depth[y, x] = z
                    for c in range(channels):
                        picture[y, x, c] = b0 * values[i, c] + b1 * values[j, c] + b2 * values[k, c]


@compiled
def placed(
    vertices: Float32Array,
    follows: Float32Array,
    breath: Float32Array,
    head: Float32Array,
    trunk: Float32Array,
    placed_cm: Float32Array,
) -> None:
    """placed_cm (N, 3) = vertices moved by head (3, 4) where follows (N,) is 1, by trunk where it is 0, + breath (N, 3)."""
    for i in range(len(vertices)):
        x, y, z, share = vertices[i, 0], vertices[i, 1], vertices[i, 2], follows[i]
        for c in range(3):
            by_head = head[c, 0] * x + head[c, 1] * y + head[c, 2] * z + head[c, 3]
            by_trunk = trunk[c, 0] * x + trunk[c, 1] * y + trunk[c, 2] * z + trunk[c, 3]
            placed_cm[i, c] = by_trunk + share * (by_head - by_trunk) + breath[i, c]


@compiled
def projected(
    placed_cm: Float32Array, focal_px: float, middle_px: Float32Array, distance_cm: float, screen: Float32Array
) -> None:
    """screen (N, 3): x, y in pixels and depth in cm of points (N, 3), seen from distance_cm before the origin."""
    focal, distance = np.float32(focal_px), np.float32(distance_cm)
    for i in range(len(placed_cm)):
        depth = distance - placed_cm[i, 2]
        scale = focal / depth
        screen[i, 0] = middle_px[0] + scale * placed_cm[i, 0]
        screen[i, 1] = middle_px[1] - scale * placed_cm[i, 1]
        screen[i, 2] = depth


@compiled
def lit(
    normals: Float32Array, placed_cm: Float32Array, visibility: Float32Array, occlusion: Float32Array, sharpness: Float32Array,
    light: Float32Array, towards: Float32Array, ambient: float, shadow: Float32Array, values: Float32Array,
) -> None:  # fmt: skip
    """values (N, 2): shading and gloss of each vertex.

    light (HARMONICS,): the lamp's direction as spherical harmonics in the head's frame; towards (3,): the same as a unit vector.
    shadow (5,): unit vector across a moving shadow (x, y), its place, its softness in cm, its depth in 0..1.
    sharpness (N,): 0 skin, 1 wet or polished, -1 hair and cloth.
    """
    wrap = np.float32(0.18)
    middle = np.float32(1) / ((towards[2] + wrap) / (1 + wrap))
    hx, hy, hz = towards[0], towards[1], towards[2] + np.float32(1)
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    sky, lamp = np.float32(ambient), np.float32(1 - ambient)
    for i in range(len(normals)):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        seen = np.float32(0)
        for k in range(len(light)):
            seen += visibility[i, k] * light[k]
        seen = min(max((seen - np.float32(0.12)) / np.float32(0.7), np.float32(0)), np.float32(1))
        across = shadow[0] * placed_cm[i, 0] + shadow[1] * placed_cm[i, 1] - shadow[2]
        veil = min(max(across / shadow[3], np.float32(0)), np.float32(1))
        seen *= np.float32(1) - shadow[4] * veil * veil * (3 - 2 * veil)
        cosine = max((nx * towards[0] + ny * towards[1] + nz * towards[2] + wrap) / (1 + wrap), np.float32(0))
        around = occlusion[i] * (np.float32(1) + np.float32(0.35) * ny + np.float32(0.2) * nz) / np.float32(1.2)
        values[i, 0] = sky * around + lamp * cosine * seen * middle
        half = max(nx * hx + ny * hy + nz * hz, np.float32(0))
        half2 = half * half
        half8 = half2 * half2 * half2 * half2
        half32 = half8 * half8 * half8 * half8
        if sharpness[i] > 0:
            half256 = half32 * half32
            half256 = half256 * half256 * half256 * half256
            values[i, 1] = lamp * (np.float32(1.6) * half256 * half256 + np.float32(0.03) * half8) * occlusion[i]
        else:
            values[i, 1] = (
                lamp * (np.float32(0.030) * half8 + np.float32(0.05) * half32) * seen + sky * np.float32(0.012) * occlusion[i]
            )


@compiled
def coloured(
    picture: Float32Array, depth: Float32Array, texture: Float32Array, lost: Float32Array, white: Float32Array,
    wall: Float32Array, light: Float32Array,
) -> None:  # fmt: skip
    """light (H, W, 3) = texture x shading x (1 - lost) + gloss, before the wall (H, W, 3).

    picture (H, W, 4): texel's column and row, shading, gloss. texture (h, w, 4): light of the bare surface, and its gloss; lost
    (h / n, w / n, 3): the share that blood takes.
    """
    height, width = depth.shape
    one = np.float32(1)
    step = np.float32(lost.shape[1]) / np.float32(texture.shape[1])
    half = np.float32(0.5)
    last_u, last_v = np.float32(texture.shape[1] - 1.001), np.float32(texture.shape[0] - 1.001)
    last_s, last_t = np.float32(lost.shape[1] - 1.001), np.float32(lost.shape[0] - 1.001)
    for y in range(height):
        for x in range(width):
            if depth[y, x] == np.inf:
                for c in range(3):
                    light[y, x, c] = wall[y, x, c]
                continue
            u, v = picture[y, x, 0], picture[y, x, 1]
            s, t = (u + half) * step - half, (v + half) * step - half
            u, v = min(max(u, np.float32(0)), last_u), min(max(v, np.float32(0)), last_v)
            i, j = int(v), int(u)
            a, b = v - np.float32(i), u - np.float32(j)
            w00, w01, w10, w11 = (one - a) * (one - b), (one - a) * b, a * (one - b), a * b
            s, t = min(max(s, np.float32(0)), last_s), min(max(t, np.float32(0)), last_t)
            m, n = int(t), int(s)
            d, e = t - np.float32(m), s - np.float32(n)
            q00, q01, q10, q11 = (one - d) * (one - e), (one - d) * e, d * (one - e), d * e
            shading = picture[y, x, 2]
            shine = (
                w00 * texture[i, j, 3] + w01 * texture[i, j + 1, 3] + w10 * texture[i + 1, j, 3] + w11 * texture[i + 1, j + 1, 3]
            )
            shine *= picture[y, x, 3]
            for c in range(3):
                bare = (
                    w00 * texture[i, j, c]
                    + w01 * texture[i, j + 1, c]
                    + w10 * texture[i + 1, j, c]
                    + w11 * texture[i + 1, j + 1, c]
                )
                gone = q00 * lost[m, n, c] + q01 * lost[m, n + 1, c] + q10 * lost[m + 1, n, c] + q11 * lost[m + 1, n + 1, c]
                light[y, x, c] = bare * shading * (one - gone) + shine * white[c]


@compiled
def softened(
    screen: Float32Array, triangles: IntArray, facing: Array, edges: IntArray, depth: Float32Array, light: Float32Array,
    place: IntArray, blend: Float32Array,
) -> int:  # fmt: skip
    """Smooth the outlines in light (H, W, 3): a pixel takes of its neighbour's light the share that lies beyond the edge.

    After Persson 2011, Geometric Post-process Anti-Aliasing (from memory). edges (E, 4): two vertices and the triangles on
    both sides, -1: none. place (P, 2), blend (P, 3): working memory, for as many pixels. Returns the number of pixels.
    """
    height, width = depth.shape
    count = 0
    near, round_off = np.float32(SAME_SURFACE_CM), np.float32(ROUND_CM)
    for e in range(len(edges)):
        first, second = edges[e, 2], edges[e, 3]
        front = first if facing[first] else second
        if front < 0 or not facing[front] or (second >= 0 and facing[first] == facing[second]):
            continue
        i, j = edges[e, 0], edges[e, 1]
        k = triangles[front, 0] + triangles[front, 1] + triangles[front, 2] - i - j
        flat = abs(screen[j, 0] - screen[i, 0]) >= abs(screen[j, 1] - screen[i, 1])
        along, across = (0, 1) if flat else (1, 0)
        low, high = (i, j) if screen[i, along] <= screen[j, along] else (j, i)
        length = screen[high, along] - screen[low, along]
        if length <= 0:
            continue
        slope = (screen[high, across] - screen[low, across]) / length
        inwards = 1 if screen[k, across] > screen[low, across] + slope * (screen[k, along] - screen[low, along]) else -1
        for at in range(int(np.ceil(screen[low, along])), int(np.floor(screen[high, along])) + 1):
            share = (np.float32(at) - screen[low, along]) / length
            edge = screen[low, across] + share * (screen[high, across] - screen[low, across])
            z = screen[low, 2] + share * (screen[high, 2] - screen[low, 2])
            below = int(np.floor(edge))
            inner, outer = (below + 1, below) if inwards > 0 else (below, below + 1)
            yi, xi, yo, xo = (inner, at, outer, at) if flat else (at, inner, at, outer)
            if min(yi, xi, yo, xo) < 0 or max(yi, yo) >= height or max(xi, xo) >= width or count >= len(place):
                continue
            if not (z - round_off < depth[yi, xi] < z + near) or depth[yo, xo] < z + near:
                continue
            from_outer = abs(edge - np.float32(outer))  # of the edge to the outer pixel's centre
            covered = np.float32(0.5) - from_outer
            to_y, to_x, of_y, of_x = (yo, xo, yi, xi) if covered > 0 else (yi, xi, yo, xo)
            for c in range(3):
                blend[count, c] = abs(covered) * (light[of_y, of_x, c] - light[to_y, to_x, c])
            place[count, 0], place[count, 1] = to_y, to_x
            count += 1
    for n in range(count):
        for c in range(3):
            light[place[n, 0], place[n, 1], c] += blend[n, c]
    return count


@compiled
def combed(
    placed_cm: Float32Array, normals: Float32Array, shaded: Float32Array, texels: Float32Array,
    opacity: Float32Array, distance_cm: float, outside: Float32Array, within: Float32Array,
) -> None:  # fmt: skip
    """outside, within (N, 5): what `veiled` takes for the outer and the inner side of hair.

    It fades where it is seen from the edge, so that a coiffure has no hard outline.
    """
    for i in range(len(placed_cm)):
        dx, dy, dz = -placed_cm[i, 0], -placed_cm[i, 1], np.float32(distance_cm) - placed_cm[i, 2]
        facing = (normals[i, 0] * dx + normals[i, 1] * dy + normals[i, 2] * dz) / np.sqrt(dx * dx + dy * dy + dz * dz)
        for values in (outside, within):
            values[i, 0], values[i, 1] = texels[i, 0], texels[i, 1]
        outside[i, 2], outside[i, 3] = shaded[i, 0], shaded[i, 1]
        within[i, 2], within[i, 3] = np.float32(0.5) * shaded[i, 0], 0
        outside[i, 4] = opacity[i] * min(max(facing / np.float32(0.22), np.float32(0)), np.float32(1))
        within[i, 4] = opacity[i] * min(max(-facing / np.float32(0.2), np.float32(0)), np.float32(1))


@compiled
def turned(normals: Float32Array, turn: Float32Array, result: Float32Array) -> None:
    """result (N, 3) = normals turned by the left part of turn (3, 4)."""
    for i in range(len(normals)):
        for c in range(3):
            result[i, c] = turn[c, 0] * normals[i, 0] + turn[c, 1] * normals[i, 1] + turn[c, 2] * normals[i, 2]


@compiled
def veiled(
    screen: Float32Array, values: Float32Array, triangles: IntArray, inside: int, depth: Float32Array, strands: Array,
    colour: Float32Array, white: Float32Array, light: Float32Array,
) -> None:  # fmt: skip
    """Lay one layer of hair over light (H, W, 3) where it is nearer than depth (H, W).

    values (N, 5): column and row in strands, shading, gloss, opacity. strands (h, w, 2) uint8: cover, 255 for whole, and tone,
    128 for 1. inside: -1 draws front faces, 1 the back ones.
    """
    height, width = depth.shape
    least, none, one = np.float32(-CRACK), np.float32(SLIVER), np.float32(1)
    whole, usual = one / np.float32(255), one / np.float32(128)
    last_u, last_v = np.float32(strands.shape[1] - 1.001), np.float32(strands.shape[0] - 1.001)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if inside > 0:
            j, k = k, j
        area, left, right, top, bottom = _box(screen, i, j, k, width, height)
        if area <= none or max(values[i, 4], values[j, 4], values[k, 4]) <= 0:
            continue
        if left > right or top > bottom:
            continue
        x0, y0, right1, down1, right2, down2 = _steps(screen, i, j, k, area)
        for y in range(top, bottom + 1):
            dy = np.float32(y) - y0
            for x in range(left, right + 1):
                dx = np.float32(x) - x0
                b1 = dx * right1 + dy * down1
                b2 = dx * right2 + dy * down2
                b0 = one - b1 - b2
                if b0 < 0 or b1 < least or b2 < 0:
                    continue
                if b0 * screen[i, 2] + b1 * screen[j, 2] + b2 * screen[k, 2] >= depth[y, x]:
                    continue
                opacity = b0 * values[i, 4] + b1 * values[j, 4] + b2 * values[k, 4]
                if opacity <= 0:
                    continue
                u = min(max(b0 * values[i, 0] + b1 * values[j, 0] + b2 * values[k, 0], np.float32(0)), last_u)
                v = min(max(b0 * values[i, 1] + b1 * values[j, 1] + b2 * values[k, 1], np.float32(0)), last_v)
                m, n = int(v), int(u)
                a, b = v - np.float32(m), u - np.float32(n)
                w00, w01, w10, w11 = (one - a) * (one - b), (one - a) * b, a * (one - b), a * b
                alpha = (
                    w00 * strands[m, n, 0]
                    + w01 * strands[m, n + 1, 0]
                    + w10 * strands[m + 1, n, 0]
                    + w11 * strands[m + 1, n + 1, 0]
                )
                alpha *= opacity * whole
                if alpha <= 0:
                    continue
                lightness = (
                    w00 * strands[m, n, 1]
                    + w01 * strands[m, n + 1, 1]
                    + w10 * strands[m + 1, n, 1]
                    + w11 * strands[m + 1, n + 1, 1]
                )
                lightness *= usual
                shading = (b0 * values[i, 2] + b1 * values[j, 2] + b2 * values[k, 2]) * lightness
                gloss = (b0 * values[i, 3] + b1 * values[j, 3] + b2 * values[k, 3]) * lightness
                for c in range(3):
                    light[y, x, c] += alpha * (
                        colour[c] * shading + gloss * (white[c] * np.float32(0.25) + colour[c] * 2) - light[y, x, c]
                    )
