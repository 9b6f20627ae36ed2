"""What can be wrong with a file: each mutator takes its content and a source of chance, and gives other content."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Mutator = Callable[[bytes, random.Random], bytes]

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
HARD_NUMBERS = (
    "",
    "0",
    "-1",
    "-0.0",
    "1e999",
    "-1e999",
    "1e308",
    "1e-320",
    "9" * 25,
    "9" * 5000,
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "0x10",
    "1_0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "4294967296",
    "1.5.2",
    "1e",
    "--3",
    "null",
    "true",
    "1,5",
    "\u0661\u0662",
    "\uff19\uff17",
    " 5 5",
    "1" + "0" * 310,
)
HARD_INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
HARD_TEXTS = (
    "",
    "\n",
    "a\nb\r\nc",
    "\ud800",
    "../../etc/passwd",
    "/dev/zero",
    "x" * 3000,
    "\x1b[31m",
    "\u202e",
    "e\u0301",
    "\u0000",
    " ",
)
HARD_VALUES: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    [[]],
    0,
    -1,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    10**30,
    2**63,
    0.1,
    "97",
    *HARD_TEXTS,
)
DEEP = 100_000  # brackets


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def emptied(content: bytes, chance: random.Random) -> bytes:
    return b""


def bits_flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 8, 64)) if content else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def head_flipped(content: bytes, chance: random.Random) -> bytes:
    """A bit of the first 256 bytes, where most formats say how large everything is."""
    changed = bytearray(content)
    if content:
        changed[chance.randrange(min(256, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:begin] + bytes(end - begin) + content[end:]


def removed(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:begin] + content[end:]


def doubled(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:end] + content[begin:]


def noise_inserted(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.choice((1, 4, 100, 5000))) + content[at:]


def appended(content: bytes, chance: random.Random) -> bytes:
    return content + chance.choice((b"\0" * 100, b"\n", chance.randbytes(50), content))


def integer_overwritten(content: bytes, chance: random.Random) -> bytes:
    """A number of 1 to 8 bytes, either end first, somewhere in a binary file."""
    size = chance.choice((1, 2, 4, 8))
    if len(content) < size:
        return content
    at = chance.randrange(len(content) - size + 1)
    value = chance.choice(HARD_INTEGERS) % 2 ** (8 * size)
    return content[:at] + value.to_bytes(size, chance.choice(("little", "big"))) + content[at + size :]


def number_replaced(content: bytes, chance: random.Random) -> bytes:
    found = list(NUMBER.finditer(content))
    if not found:
        return content
    one = chance.choice(found)
    return content[: one.start()] + chance.choice(HARD_NUMBERS).encode() + content[one.end() :]


def line_removed(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        lines.pop(chance.randrange(len(lines)))
    return b"".join(lines)


def line_doubled(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at = chance.randrange(len(lines) or 1)
    return b"".join([*lines[: at + 1], *lines[at:]])


def lines_swapped(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = chance.sample(range(len(lines)), 2)
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def recoded(content: bytes, chance: random.Random) -> bytes:
    """Another encoding, byte order mark or line end: what editors and spreadsheets make of a text."""
    text = content.decode("utf-8", "replace")
    ways = (
        lambda: b"\xef\xbb\xbf" + content,
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-16-le"),
        lambda: text.encode("utf-32"),
        lambda: content.replace(b"\n", b"\r\n"),
        lambda: content.replace(b"\n", b"\r"),
        lambda: text.replace("\n", "\x85").encode(),
        lambda: text.replace("\n", "\u2028").encode(),
        lambda: content.replace(b",", b";").replace(b".", b","),
        lambda: content.replace(b",", b"\t"),
        lambda: content.replace(b"\n", b"\n\n"),
        lambda: b"\n" + content,
        lambda: content.rstrip(b"\n"),
    )
    return chance.choice(ways)()


def text_inserted(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    hard = (
        '"',
        "'",
        ",",
        ",,,,",
        ";",
        "\n",
        "\r",
        "\0",
        "#",
        "=1+1",
        "\t",
        "\\",
        *HARD_TEXTS,
        "[" * DEEP,
        '"' + "y" * 200_000 + '"',
    )
    return content[:at] + chance.choice(hard).encode("utf-8", "surrogatepass") + content[at:]


def json_changed(content: bytes, chance: random.Random) -> bytes:
    """A key removed, renamed or doubled, a value of another type, a number that cannot be, a list without an end."""
    tree = json.loads(content)
    holders = list(_holders(tree))
    if not holders:
        return content
    holder, key = chance.choice(holders)
    what = chance.choice(("remove", "replace", "replace", "replace", "rename", "deepen", "lengthen", "double", "huge"))
    if what == "remove":
        del holder[key]
    elif what == "replace":
        holder[key] = chance.choice(HARD_VALUES)
    elif what == "rename" and isinstance(holder, dict):
        holder[chance.choice((*HARD_TEXTS, str(key).upper(), f"{key}s"))] = holder.pop(key)
    elif what == "lengthen":
        holder[key] = [holder[key]] * 300
    else:
        holder[key] = "@@"
    text = json.dumps(tree)
    value = {"deepen": "[" * DEEP + "]" * DEEP, "huge": "9" * 5000, "double": '1, "again": 2, "again": 3'}.get(what, "0")
    return text.replace('"@@"', value, 1).encode("utf-8", "surrogatepass")


def _holders(tree: Any) -> Any:
    """(dict or list, key or place) of every value below."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield tree, key
        yield from _holders(value)


def values_changed(content: bytes, chance: random.Random) -> bytes:
    """Numbers of 8 bytes in a binary file, as NaN, infinite or huge."""
    numbers = np.frombuffer(content, np.uint8).copy()
    if len(numbers) < 16:
        return content
    hard = np.array([chance.choice((np.nan, np.inf, -1.0, 1e300, 0.0))], "<f8").view(np.uint8)
    at = len(numbers) % 8 + 8 * chance.randrange(len(numbers) // 8)
    numbers[at : at + 8] = hard
    return numbers.tobytes()


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    begin = chance.randrange(len(content) + 1)
    return begin, min(len(content), begin + chance.choice((1, 2, 8, 64, 1000)))


OF_BYTES: tuple[Mutator, ...] = (
    cut,
    cut,
    emptied,
    bits_flipped,
    bits_flipped,
    head_flipped,
    zeroed,
    removed,
    doubled,
    noise_inserted,
    appended,
    integer_overwritten,
    integer_overwritten,
)
OF_TEXT: tuple[Mutator, ...] = (
    cut,
    emptied,
    bits_flipped,
    removed,
    number_replaced,
    number_replaced,
    number_replaced,
    line_removed,
    line_doubled,
    lines_swapped,
    recoded,
    recoded,
    text_inserted,
    text_inserted,
    noise_inserted,
    appended,
)
OF_JSON: tuple[Mutator, ...] = (*OF_TEXT, *[json_changed] * 12)
OF_ARRAYS: tuple[Mutator, ...] = (*OF_BYTES, values_changed, values_changed)
