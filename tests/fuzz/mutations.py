"""Bytes -> damaged bytes: what disks, networks, editors and people of ill will do to a file."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

EXTREMES = (0, -1, 1, 2**31 - 1, -(2**31), 2**15, 2**16 - 1, 2**28)
TEXT_EXTREMES = (*EXTREMES, 2**32, 2**63 - 1, 10**20)
MOST_AT_ONCE = 3
LONGEST_SPAN = 64
NUMBER = re.compile(rb"[0-9]+")

Mutation = Callable[[bytearray, random.Random], None]


def flip_bit(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut_end(data: bytearray, rng: random.Random) -> None:
    """Anywhere, or by a few bytes."""
    if rng.random() < 0.5:
        del data[rng.randrange(len(data)) :]
    else:
        del data[-rng.randrange(1, min(LONGEST_SPAN, len(data)) + 1) :]


def _span(data: bytearray, rng: random.Random) -> slice:
    begin = rng.randrange(len(data))
    return slice(begin, min(len(data), begin + rng.randrange(1, LONGEST_SPAN + 1)))


def zero_span(data: bytearray, rng: random.Random) -> None:
    span = _span(data, rng)
    data[span] = bytes(span.stop - span.start)


def overwrite_span(data: bytearray, rng: random.Random) -> None:
    span = _span(data, rng)
    data[span] = rng.randbytes(span.stop - span.start)


def copy_span(data: bytearray, rng: random.Random) -> None:
    """What stands elsewhere in the file, over it or between."""
    span = _span(data, rng)
    at = rng.randrange(len(data))
    data[at : at + rng.choice((0, span.stop - span.start))] = data[span]


def insert_bytes(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 17)))


def remove_bytes(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 4, 17))]


def extreme_integer(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 4, 4, 8))
    at = rng.randrange(max(1, len(data) - size + 1))
    value = rng.choice(EXTREMES) & ((1 << 8 * size) - 1)
    data[at : at + size] = value.to_bytes(size, "little")


def extreme_text(data: bytearray, rng: random.Random) -> None:
    """A number that is written in digits; where there is none, one in binary."""
    numbers = list(NUMBER.finditer(bytes(data)))
    if not numbers:
        extreme_integer(data, rng)
        return
    number = rng.choice(numbers)
    data[number.start() : number.end()] = str(rng.choice(TEXT_EXTREMES)).encode()


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bit, cut_end, zero_span, overwrite_span, copy_span),
    *(insert_bytes, remove_bytes, extreme_integer, extreme_integer, extreme_text),
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to three changes, which may be none together."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, MOST_AT_ONCE))):
        if changed:
            rng.choice(MUTATIONS)(changed, rng)
    return bytes(changed)


def shuffled(parts: list[bytes], rng: random.Random) -> list[bytes]:
    """Two parts swapped, or one left out, or there twice."""
    parts = list(parts)
    way, one, other = rng.randrange(3), rng.randrange(len(parts)), rng.randrange(len(parts))
    if way == 0:
        parts[one], parts[other] = parts[other], parts[one]
    elif way == 1:
        del parts[one]
    else:
        parts.insert(other, parts[one])
    return parts
