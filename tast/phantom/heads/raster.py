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
Number = Any  # of the loops: float32, uint32

SLIVER = 1e-6  # twice the area in pixels: smaller triangles are none
CRACK_PX = 1e-3  # how far beyond a triangle's edge a pixel still counts, so that neighbours leave no gap
BEYOND_PX = 1e12  # further than any picture reaches
LEVEL = 1e-6  # pixels down to one to the right: a side that falls less is level
DIM, DIM_32 = 0.1, 0.01  # cosines and their 32nd powers below which no gloss is seen: numbers near 0 are slow to multiply
SAME_SURFACE_CM = 0.3  # depths that close are one surface's: no outline runs between them
ROUND_CM = 2.0  # a round surface comes that much nearer within a pixel of its outline


@compiled
def deformed(rest: Float32Array, offsets: Float32Array, weights: Float32Array, moved: Float32Array) -> None:
    """moved (N, 3) = rest + sum of weights (K,) times offsets (K, n, 3); the offsets reach the first n vertices."""
    moved[:] = rest
    coordinates = moved.reshape(-1)
    for k in range(len(weights)):
        weight, steps = weights[k], offsets[k].reshape(-1)
        if weight != 0:
            for i in range(len(steps)):
                coordinates[i] += weight * steps[i]


@compiled
def rolled(moved: Float32Array, vertices: IntArray, centre: Float32Array, turn: Float32Array, shift: Float32Array) -> None:
    """Turn the given vertices of moved (N, 3) by turn (3, 3) about the centre (3,), and shift them by (3,)."""
    for i in vertices:
        x, y, z = moved[i, 0] - centre[0], moved[i, 1] - centre[1], moved[i, 2] - centre[2]
        for c in range(3):
            moved[i, c] = turn[c, 1] * y + turn[c, 0] * x + turn[c, 2] * z + centre[c] + shift[c]


@compiled
def vertex_normals(vertices: Float32Array, triangles: IntArray, normals: Float32Array) -> None:
    """normals (N, 3): unit vectors outwards, y up, the mean over the triangles (M, 3) of each vertex, weighted by area."""
    normals[:] = 0
    for t in range(len(triangles)):
        i, j, k = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[k, 0] - vertices[i, 0], vertices[k, 1] - vertices[i, 1], vertices[k, 2] - vertices[i, 2]
        nx, ny, nz = az * by - ay * bz, ax * bz - az * bx, ay * bx - ax * by
        for v in (i, j, k):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for n in range(len(normals)):
        length = np.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2 + normals[n, 2] ** 2)
        if length > 0:
            normals[n, 0] /= length
            normals[n, 1] /= length
            normals[n, 2] /= length


@compiled
def _box(screen: Float32Array, i: int, j: int, k: int, width: int, height: int) -> tuple[bool, float, float, float, float]:
    """Of a triangle whether it is a front face, and the first and last column and row that it reaches, whole numbers."""
    zero, right_end, bottom_end = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    x0, y0, x1, y1, x2, y2 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
    front = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) > np.float32(SLIVER)
    left, right = np.ceil(max(min(x0, min(x1, x2)), zero)), np.floor(min(max(x0, max(x1, x2)), right_end))
    top, bottom = np.ceil(max(min(y0, min(y1, y2)), zero)), np.floor(min(max(y0, max(y1, y2)), bottom_end))
    return front, left, right, top, bottom


@compiled
def _steps(screen: Float32Array, i: int, j: int, k: int) -> tuple[float, float, float, float]:
    """How the weights of a triangle's second and third corner grow with a step to the right and one down."""
    x0, y0, x1, y1, x2, y2 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
    inverse = np.float32(1) / ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    return (y2 - y0) * inverse, (x0 - x2) * inverse, (y0 - y1) * inverse, (x1 - x0) * inverse


@compiled
def _side(x0: Number, right: Number, down: Number, weight: Number) -> tuple[Number, Number, Number, Number]:
    """The side of a triangle where a corner's weight is 0, which grows by right and down and is `weight` at the first corner.

    Where it crosses the first corner's row, how far it moves with each row, and what is to be added to its column for the bound
    of a row on the left and on the right: it is one of the two. A level side is none: the box bounds there.
    """
    beyond = np.float32(BEYOND_PX)
    if abs(right) <= np.float32(LEVEL) * abs(down):
        return x0, np.float32(0), -beyond, beyond
    across = np.float32(1) / right
    slope = -down * across
    crack = np.float32(CRACK_PX) * (np.float32(1) + abs(slope))
    on_left = np.float32(right > 0)  # a number, as no processor foresees which of the two it is
    return x0 - weight * across, slope, -crack - beyond * (np.float32(1) - on_left), crack + beyond * on_left


@compiled
def _sides(x0: Number, right1: Number, down1: Number, right2: Number, down2: Number) -> tuple[Number, ...]:
    """The three sides of a triangle, each as `_side` has it, one after the other."""
    zero, one = np.float32(0), np.float32(1)
    across1, slope1, left1, right_1 = _side(x0, right1, down1, zero)
    across2, slope2, left2, right_2 = _side(x0, right2, down2, zero)
    across0, slope0, left0, right_0 = _side(x0, -right1 - right2, -down1 - down2, one)
    return across1, slope1, left1, right_1, across2, slope2, left2, right_2, across0, slope0, left0, right_0


@compiled
def _span(sides: tuple[Number, ...], dy: Number, left: Number, right: Number) -> tuple[Number, Number]:
    """First column and the one after the last that a triangle covers, dy below its first corner; left, right: of its box."""
    x1, x2, x0 = sides[0] + dy * sides[1], sides[4] + dy * sides[5], sides[8] + dy * sides[9]
    first = max(left, max(max(x1 + sides[2], x2 + sides[6]), x0 + sides[10]))
    last = min(right, min(min(x1 + sides[3], x2 + sides[7]), x0 + sides[11]))
    begin = np.ceil(min(first, right + np.float32(1)))
    return np.uint32(begin), np.uint32(max(np.floor(last) + np.float32(1), begin))


@compiled
def _spans(
    sides: tuple[Number, ...], y0: Number, left: Number, right: Number, top: Number, bottom: Number, begin: Array, end: Array
) -> None:
    """begin, end (H,): of each row of a triangle's box as `_span` has it, y0: of its first corner.

    All rows before any pixel: where one ends is then known when it is come to, and no processor has to guess for long.
    """
    for y in range(np.uint32(top), np.uint32(bottom) + np.uint32(1)):
        begin[y], end[y] = _span(sides, np.float32(np.uint32(y)) - y0, left, right)


@compiled
def drawn(screen: Float32Array, values: Float32Array, triangles: IntArray, depth: Float32Array, picture: Float32Array) -> None:
    """Draw front faces into depth (H, W) and picture (H, W, C).

    screen (N, 3): x, y in pixels and depth; values (N, C) are interpolated.
    """
    height, width = depth.shape
    for t in range(len(triangles)):
        i, j, k = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        front, left, right, top, bottom = _box(screen, i, j, k, width, height)
        if not front or left > right or top > bottom:
            continue
        right1, down1, right2, down2 = _steps(screen, i, j, k)
        sides = _sides(screen[i, 0], right1, down1, right2, down2)
        for y in range(np.uint32(top), np.uint32(bottom) + np.uint32(1)):
            dy = np.float32(y) - screen[i, 1]
            first, end = _span(sides, dy, left, right)
            for x in range(first, end):
                dx = np.float32(np.uint32(x)) - screen[i, 0]
                b1, b2 = dx * right1 + dy * down1, dx * right2 + dy * down2
                b0 = np.float32(1) - b1 - b2
                z = b0 * screen[i, 2] + b1 * screen[j, 2] + b2 * screen[k, 2]
                if z < depth[y, x]:
                    depth[y, x] = z
                    for c in range(values.shape[1]):
                        picture[y, x, c] = b0 * values[i, c] + b1 * values[j, c] + b2 * values[k, c]


@compiled
def shown(
    screen: Float32Array, values: Float32Array, triangles: IntArray, numbers: IntArray, texture: Float32Array,
    white: Float32Array, depth: Float32Array, nearest: IntArray, light: Float32Array, facing: Array,
) -> None:  # fmt: skip
    """Draw front faces into depth (H, W) and light (H, W, 3) = texture x what the surface returns of it + gloss.

    screen (N, 3): x, y in pixels and depth. values (N, 6), interpolated: texel's column and row, what returns of red, green and
    blue, gloss. triangles (M, 3) in the order in which they are drawn; nothing but the time depends on it, as nearest (H, W)
    keeps the number (M,) of the one that a pixel shows: of two as near the lower one. texture (h, w, 4): light of the bare
    surface, and its gloss. facing (M or more,) bool, by their numbers: which are front faces.
    """
    height, width = depth.shape
    begin, end = np.empty(height, np.uint32), np.empty(height, np.uint32)
    zero, one = np.float32(0), np.float32(1)
    last_u, last_v = np.float32(texture.shape[1] - 1.001), np.float32(texture.shape[0] - 1.001)
    white_red, white_green, white_blue = white[0], white[1], white[2]
    for t in range(len(triangles)):
        i, j, k, number = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2]), numbers[t]
        front, left, right, top, bottom = _box(screen, i, j, k, width, height)
        facing[number] = front
        if not front or left > right or top > bottom:
            continue
        x0, y0, z0, z1, z2 = screen[i, 0], screen[i, 1], screen[i, 2], screen[j, 2] - screen[i, 2], screen[k, 2] - screen[i, 2]
        right1, down1, right2, down2 = _steps(screen, i, j, k)
        sides = _sides(x0, right1, down1, right2, down2)
        u0, u1, u2 = values[i, 0], values[j, 0] - values[i, 0], values[k, 0] - values[i, 0]
        v0, v1, v2 = values[i, 1], values[j, 1] - values[i, 1], values[k, 1] - values[i, 1]
        red0, red1, red2 = values[i, 2], values[j, 2] - values[i, 2], values[k, 2] - values[i, 2]
        green0, green1, green2 = values[i, 3], values[j, 3] - values[i, 3], values[k, 3] - values[i, 3]
        blue0, blue1, blue2 = values[i, 4], values[j, 4] - values[i, 4], values[k, 4] - values[i, 4]
        gloss0, gloss1, gloss2 = values[i, 5], values[j, 5] - values[i, 5], values[k, 5] - values[i, 5]
        _spans(sides, y0, left, right, top, bottom, begin, end)
        for y in range(np.uint32(top), np.uint32(bottom) + np.uint32(1)):
            dy = np.float32(np.uint32(y)) - y0
            for x in range(begin[y], end[y]):
                dx = np.float32(np.uint32(x)) - x0
                b1, b2 = dx * right1 + dy * down1, dx * right2 + dy * down2
                z = z0 + b1 * z1 + b2 * z2
                if z > depth[y, x] or (z == depth[y, x] and number > nearest[y, x]):
                    continue
                depth[y, x], nearest[y, x] = z, number
                u = min(max(u0 + b1 * u1 + b2 * u2, zero), last_u)
                v = min(max(v0 + b1 * v1 + b2 * v2, zero), last_v)
                m, n = np.uint32(v), np.uint32(u)
                a, b = v - np.float32(m), u - np.float32(n)
                w11 = a * b
                w10, w01, w00 = a - w11, b - w11, one - a - b + w11
                under, after = m + np.uint32(1), n + np.uint32(1)
                shine = (gloss0 + b1 * gloss1 + b2 * gloss2) * (
                    w00 * texture[m, n, 3]
                    + w01 * texture[m, after, 3]
                    + w10 * texture[under, n, 3]
                    + w11 * texture[under, after, 3]
                )
                light[y, x, 0] = shine * white_red + (red0 + b1 * red1 + b2 * red2) * (
                    w00 * texture[m, n, 0]
                    + w01 * texture[m, after, 0]
                    + w10 * texture[under, n, 0]
                    + w11 * texture[under, after, 0]
                )
                light[y, x, 1] = shine * white_green + (green0 + b1 * green1 + b2 * green2) * (
                    w00 * texture[m, n, 1]
                    + w01 * texture[m, after, 1]
                    + w10 * texture[under, n, 1]
                    + w11 * texture[under, after, 1]
                )
                light[y, x, 2] = shine * white_blue + (blue0 + b1 * blue1 + b2 * blue2) * (
                    w00 * texture[m, n, 2]
                    + w01 * texture[m, after, 2]
                    + w10 * texture[under, n, 2]
                    + w11 * texture[under, after, 2]
                )


@compiled
def placed(
    vertices: Float32Array, follows: Float32Array, rises: Float32Array, breath_cm: float, head: Float32Array,
    trunk: Float32Array, placed_cm: Float32Array,
) -> None:  # fmt: skip
    """placed_cm (N, 3) = vertices moved by head (3, 4) where follows (N,) is 1, by trunk where it is 0, + breath x rises."""
    breath = np.float32(breath_cm)
    for i in range(len(vertices)):
        x, y, z, share = vertices[i, 0], vertices[i, 1], vertices[i, 2], follows[i]
        for c in range(3):
            by_head = head[c, 0] * x + head[c, 1] * y + head[c, 2] * z + head[c, 3]
            by_trunk = trunk[c, 0] * x + trunk[c, 1] * y + trunk[c, 2] * z + trunk[c, 3]
            placed_cm[i, c] = by_trunk + share * (by_head - by_trunk) + breath * rises[i, c]


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
    light: Float32Array, towards: Float32Array, ambient: float, shadow: Float32Array, shaded: Float32Array,
) -> None:  # fmt: skip
    """shaded (2, N): shading and gloss of each vertex.

    visibility (K, N): of the first K spherical harmonics; light (K or more,): the lamp's direction as such, in the head's frame;
    towards (3,): the same as a unit vector. shadow (5,): unit vector across a moving shadow (x, y), its place, its softness in
    cm, its depth in 0..1. sharpness (N,): 0 skin, 1 wet or polished, -1 hair and cloth.
    """
    zero, one, wrap = np.float32(0), np.float32(1), np.float32(0.18)
    middle = one / ((towards[2] + wrap) / (one + wrap))
    hx, hy, hz = towards[0], towards[1], towards[2] + one
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    sky, lamp = np.float32(ambient), np.float32(1 - ambient)
    shading, gloss = shaded[0], shaded[1]
    shading[:] = zero
    for k in range(len(visibility)):
        seen_of, amount = visibility[k], light[k]
        for i in range(len(shading)):
            shading[i] += amount * seen_of[i]
    for i in range(len(shading)):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        across = (shadow[0] * placed_cm[i, 0] + shadow[1] * placed_cm[i, 1] - shadow[2]) / shadow[3]
        veil = min(max(across, zero), one)
        seen = min(max((shading[i] - np.float32(0.12)) / np.float32(0.7), zero), one)
        seen *= one - shadow[4] * veil * veil * (np.float32(3) - np.float32(2) * veil)
        cosine = max((nx * towards[0] + ny * towards[1] + nz * towards[2] + wrap) / (one + wrap), zero)
        around = occlusion[i] * (one + np.float32(0.35) * ny + np.float32(0.2) * nz) / np.float32(1.2)
        shading[i] = sky * around + lamp * cosine * seen * middle
        half = max(nx * hx + ny * hy + nz * hz, np.float32(DIM))
        half2 = half * half
        half4 = half2 * half2
        half8 = half4 * half4
        half16 = half8 * half8
        half32 = half16 * half16
        half64 = max(half32, np.float32(DIM_32)) * max(half32, np.float32(DIM_32))
        half128 = half64 * half64
        half256 = half128 * half128
        wet = lamp * (np.float32(1.6) * half256 * half256 + np.float32(0.03) * half8) * occlusion[i]
        dry = lamp * (np.float32(0.030) * half8 + np.float32(0.05) * half32) * seen + sky * np.float32(0.012) * occlusion[i]
        gloss[i] = wet if sharpness[i] > zero else dry


@compiled
def returned(shaded: Float32Array, perfusion: Float32Array, absorption: Float32Array, values: Float32Array) -> None:
    """Columns 2 to 5 of values (N, 6), see `shown`: shading x (1 - perfusion x absorption) of red, green and blue, and gloss.

    shaded (2, N); perfusion (N, taps); absorption (taps, 3).
    """
    for i in range(len(values)):
        red, green, blue = np.float32(1), np.float32(1), np.float32(1)
        for tap in range(len(absorption)):
            red -= perfusion[i, tap] * absorption[tap, 0]
            green -= perfusion[i, tap] * absorption[tap, 1]
            blue -= perfusion[i, tap] * absorption[tap, 2]
        values[i, 2], values[i, 3], values[i, 4] = shaded[0, i] * red, shaded[0, i] * green, shaded[0, i] * blue
        values[i, 5] = shaded[1, i]


@compiled
def softened(
    screen: Float32Array, triangles: IntArray, facing: Array, edges: IntArray, depth: Float32Array, light: Float32Array,
    place: IntArray, blend: Float32Array,
) -> int:  # fmt: skip
    """Smooth the outlines in light (H, W, 3): a pixel takes of its neighbour's light the share that lies beyond the edge.

    After Persson 2011, Geometric Post-process Anti-Aliasing (from memory). edges (E, 4): two vertices and the triangles on
    both sides, -1: none. facing (M + 1,): see `shown`; the last one, for no triangle, is False. place (P, 2), blend (P, 3):
    working memory, for as many pixels. Returns the number of pixels.
    """
    height, width = depth.shape
    count = 0
    near, round_off = np.float32(SAME_SURFACE_CM), np.float32(ROUND_CM)
    for e in range(len(edges)):
        first, second = edges[e, 2], edges[e, 3]
        if facing[first] == facing[second]:
            continue
        i, j, front = edges[e, 0], edges[e, 1], first if facing[first] else second
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
        outside[i, 2], outside[i, 3] = shaded[0, i], shaded[1, i]
        within[i, 2], within[i, 3] = np.float32(0.5) * shaded[0, i], 0
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
    begin, end = np.empty(height, np.uint32), np.empty(height, np.uint32)
    zero, one, whole, usual = np.float32(0), np.float32(1), np.float32(1 / 255), np.float32(1 / 128)
    last_u, last_v = np.float32(strands.shape[1] - 1.001), np.float32(strands.shape[0] - 1.001)
    red, green, blue = colour[0], colour[1], colour[2]
    glint = np.float32(0.25) * white + np.float32(2) * colour
    for t in range(len(triangles)):
        i, j, k = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        if inside > 0:
            j, k = k, j
        front, left, right, top, bottom = _box(screen, i, j, k, width, height)
        if not front or left > right or top > bottom or max(values[i, 4], max(values[j, 4], values[k, 4])) <= zero:
            continue
        x0, y0, z0, z1, z2 = screen[i, 0], screen[i, 1], screen[i, 2], screen[j, 2] - screen[i, 2], screen[k, 2] - screen[i, 2]
        right1, down1, right2, down2 = _steps(screen, i, j, k)
        sides = _sides(x0, right1, down1, right2, down2)
        u0, u1, u2 = values[i, 0], values[j, 0] - values[i, 0], values[k, 0] - values[i, 0]
        v0, v1, v2 = values[i, 1], values[j, 1] - values[i, 1], values[k, 1] - values[i, 1]
        shade0, shade1, shade2 = values[i, 2], values[j, 2] - values[i, 2], values[k, 2] - values[i, 2]
        gloss0, gloss1, gloss2 = values[i, 3], values[j, 3] - values[i, 3], values[k, 3] - values[i, 3]
        dense0, dense1, dense2 = values[i, 4], values[j, 4] - values[i, 4], values[k, 4] - values[i, 4]
        _spans(sides, y0, left, right, top, bottom, begin, end)
        for y in range(np.uint32(top), np.uint32(bottom) + np.uint32(1)):
            dy = np.float32(np.uint32(y)) - y0
            for x in range(begin[y], end[y]):
                dx = np.float32(np.uint32(x)) - x0
                b1, b2 = dx * right1 + dy * down1, dx * right2 + dy * down2
                opacity = dense0 + b1 * dense1 + b2 * dense2
                if z0 + b1 * z1 + b2 * z2 >= depth[y, x] or opacity <= zero:
                    continue
                u = min(max(u0 + b1 * u1 + b2 * u2, zero), last_u)
                v = min(max(v0 + b1 * v1 + b2 * v2, zero), last_v)
                m, n = np.uint32(v), np.uint32(u)
                a, b = v - np.float32(m), u - np.float32(n)
                w11 = a * b
                w10, w01, w00 = a - w11, b - w11, one - a - b + w11
                under, after = m + np.uint32(1), n + np.uint32(1)
                alpha = (opacity * whole) * (
                    w00 * np.float32(strands[m, n, 0])
                    + w01 * np.float32(strands[m, after, 0])
                    + w10 * np.float32(strands[under, n, 0])
                    + w11 * np.float32(strands[under, after, 0])
                )
                alpha = max(alpha, zero)  # where it is 0 nothing changes: no branch, as strands come and go with every pixel
                tone = usual * (
                    w00 * np.float32(strands[m, n, 1])
                    + w01 * np.float32(strands[m, after, 1])
                    + w10 * np.float32(strands[under, n, 1])
                    + w11 * np.float32(strands[under, after, 1])
                )
                shading = tone * (shade0 + b1 * shade1 + b2 * shade2)
                gloss = tone * (gloss0 + b1 * gloss1 + b2 * gloss2)
                light[y, x, 0] += alpha * (red * shading + glint[0] * gloss - light[y, x, 0])
                light[y, x, 1] += alpha * (green * shading + glint[1] * gloss - light[y, x, 1])
                light[y, x, 2] += alpha * (blue * shading + glint[2] * gloss - light[y, x, 2])
