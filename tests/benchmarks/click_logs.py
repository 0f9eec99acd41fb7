"""Write click logs of Criteo's or Avazu's form, of any number of rows, with nothing real in them.

The real files cannot be passed on. These have their columns, cardinalities, missing values and
click rates, so that what takes time and memory on them takes time and memory here:

- Values of a field fall in frequency like Zipf's law. The large fields draw half of their values
  from a thousand popular ones and the others from a tail (a Lomax law) that never ends: at full
  size the fields have as many distinct values as Criteo's and Avazu's, Criteo's 33.8 million, of
  which 7.6 million occur at least twice in the first 80 % of the rows, the paper's number.
- Every value has a weight and one pair of fields interacts; a click is drawn from the logit of
  their sum. So a model has something to learn, and ``Block.probabilities`` is the truth.
- A file is written as a stream, from a generator seeded by the number of each block of rows: a
  shorter file of the same seed is the beginning of a longer one.

    python tests/benchmarks/click_logs.py criteo 45840617 criteo/train.txt
    python tests/benchmarks/click_logs.py avazu 40428967 avazu/train.csv --seed 1
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from aesbench.datasets.clicklog.parallel import in_order, workers

BLOCK_ROWS = 1 << 16
CRITEO_ROWS, AVAZU_ROWS = 45_840_617, 40_428_967
POPULAR = 1000
"""Values of a large field that are drawn by Zipf's law; the others are its tail."""
TAIL_EXPONENT = 0.35
TEXTS = 2**32 - 2 * POPULAR
"""Values of a tail, at most: each has eight hexadecimal digits of its own."""
ROWS_PER_HOUR = AVAZU_ROWS // 240  # Ten days.

# Distinct values at full size, missing share.
CRITEO_CATEGORIES = {
    "C1": (1460, 0.0),
    "C2": (583, 0.0),
    "C3": (10_131_227, 0.034),
    "C4": (2_202_608, 0.034),
    "C5": (305, 0.0),
    "C6": (24, 0.121),
    "C7": (12_517, 0.0),
    "C8": (633, 0.0),
    "C9": (3, 0.0),
    "C10": (93_145, 0.0),
    "C11": (5683, 0.0),
    "C12": (8_351_593, 0.034),
    "C13": (3194, 0.0),
    "C14": (27, 0.0),
    "C15": (14_992, 0.0),
    "C16": (5_461_306, 0.034),
    "C17": (10, 0.0),
    "C18": (5652, 0.0),
    "C19": (2173, 0.44),
    "C20": (4, 0.44),
    "C21": (7_046_547, 0.034),
    "C22": (18, 0.763),
    "C23": (15, 0.0),
    "C24": (286_181, 0.034),
    "C25": (105, 0.44),
    "C26": (142_572, 0.44),
}
# Scale of a heavy-tailed whole number, missing share.
CRITEO_NUMBERS = {
    "I1": (2.0, 0.454),
    "I2": (30.0, 0.0),
    "I3": (8.0, 0.215),
    "I4": (5.0, 0.217),
    "I5": (2000.0, 0.026),
    "I6": (40.0, 0.224),
    "I7": (3.0, 0.043),
    "I8": (8.0, 0.0005),
    "I9": (40.0, 0.043),
    "I10": (0.6, 0.454),
    "I11": (1.5, 0.043),
    "I12": (0.3, 0.765),
    "I13": (5.0, 0.217),
}
LARGEST_NUMBER = 23_159_456
AVAZU_FIELDS = {
    "C1": (7, 1001),
    "banner_pos": (7, 0),
    "site_id": (4737, None),
    "site_domain": (7745, None),
    "site_category": (26, None),
    "app_id": (8552, None),
    "app_domain": (559, None),
    "app_category": (36, None),
    "device_id": (2_686_408, None),
    "device_ip": (6_729_486, None),
    "device_model": (8251, None),
    "device_type": (5, 0),
    "device_conn_type": (4, 0),
    "C14": (2626, 375),
    "C15": (8, 120),
    "C16": (9, 20),
    "C17": (435, 112),
    "C18": (4, 0),
    "C19": (68, 33),
    "C20": (172, 100_000),
    "C21": (60, 1),
}
"""Distinct values at full size, and the first one where they are whole numbers, else None."""
# Where the tail of a large field begins to fall, so that it has as many values at full size.
CRITEO_TAILS = {"C3": 188_792.0, "C4": 488.0, "C12": 86_836.9, "C16": 16_393.5, "C21": 44_380.0}
AVAZU_TAILS = {"device_id": 1363.3, "device_ip": 48_359.4}

Text = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""Characters ``(rows, width)`` and which of them are there."""


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes:
        text: the lines.
        labels: (rows,) 0 or 1.
        probabilities: (rows,) the true probability of a click.
    """

    text: bytes
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


def draw_ranks(
    distinct: int, shift: float | None, rows: int, rng: np.random.Generator
) -> NDArray[np.uint32]:
    """Draw the popularity ranks ``(rows,)`` of a field's values, 0 the most popular."""
    if shift is None:
        return draw_popular(distinct, rng.random(rows, np.float32))
    tail = shift * ((1 - rng.random(rows)) ** (-1 / TAIL_EXPONENT) - 1)
    # Beyond the texts that there are, a value comes again, which happens to few.
    ranks = POPULAR + (tail % TEXTS).astype(np.uint32)
    popular = draw_popular(POPULAR, rng.random(rows, np.float32))
    return np.where(rng.random(rows, np.float32) < 0.5, popular, ranks)


def draw_popular(distinct: int, uniform: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Turn uniform numbers into ranks whose frequency falls as 1 / rank."""
    ranks = np.exp(uniform * np.log1p(distinct, dtype=np.float32)).astype(np.uint32) - 1
    return np.minimum(ranks, np.uint32(distinct - 1))


def as_hex(numbers: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return numbers as eight hexadecimal digits: ``(rows, 8)``."""
    pairs = np.array([f"{n:02x}" for n in range(256)], "S2").view(np.uint16)
    return pairs[numbers.astype(">u4").view(np.uint8).reshape(-1, 4)].view(np.uint8)


def as_decimal(numbers: NDArray[Any], width: int) -> Text:
    """Return whole numbers as decimals, a sign in front where one is below 0."""
    text = np.empty((len(numbers), width + 1), np.uint8)
    there = np.ones((len(numbers), width + 1), bool)
    text[:, 0], there[:, 0] = ord("-"), numbers < 0
    left = np.abs(numbers)
    for place in range(width, 0, -1):
        if place < width:
            there[:, place] = left > 0
        left, digit = np.divmod(left, left.dtype.type(10))
        text[:, place] = digit + ord("0")
    return text, there


class Signal:
    """The sum that decides about clicks."""

    def __init__(self, rows: int, fields: int, bias: float) -> None:
        self.logits = np.full(rows, bias, np.float32)
        # The same weights in every block and for every seed.
        self._weights = np.random.default_rng(0).normal(0, 1.7 / fields**0.5, 1024)
        self._weights = self._weights.astype(np.float32)

    def weigh(self, name: str, ranks: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return the weights of a field's values."""
        salt = np.uint32(int.from_bytes(name.encode(), "big") % (1 << 31))
        return self._weights[((ranks + salt) * np.uint32(0x9E3779B1)) >> np.uint32(22)]

    def add(self, weights: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> None:
        """Add weights; a missing value has none."""
        self.logits += weights if missing is None else np.where(missing, np.float32(0), weights)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return labels and their true probabilities."""
        probabilities = 1 / (1 + np.exp(-self.logits))
        return (rng.random(len(probabilities)) < probabilities).astype(np.uint8), probabilities


def criteo_block(number: int, seed: int) -> Block:
    """Return rows of Criteo's form."""
    rng, rows = np.random.default_rng([seed, number]), BLOCK_ROWS
    signal, parts = Signal(rows, 39, bias=0.36), list[Text]()
    for name, (scale, share) in CRITEO_NUMBERS.items():
        drawn = scale * ((1 - rng.random(rows, np.float32)) ** np.float32(-0.8) - 1)
        values = np.minimum(drawn, LARGEST_NUMBER).astype(np.int32) - (name == "I2")
        missing = rng.random(rows, np.float32) < share
        signal.add((0.1 if len(name) % 2 else -0.1) * np.log1p(np.maximum(values, 0)), missing)
        text, there = as_decimal(values, 8)
        parts.append((text, there & ~missing[:, None]))
    pair = np.ones(rows, np.float32)
    for name, (distinct, share) in CRITEO_CATEGORIES.items():
        ranks = draw_ranks(distinct, CRITEO_TAILS.get(name), rows, rng)
        missing = rng.random(rows, np.float32) < share
        signal.add(signal.weigh(name, ranks), missing)
        if name in ("C14", "C17"):
            pair *= signal.weigh("pair", ranks)
        # An odd factor maps ranks to texts one to one.
        parts.append((as_hex(hashed(name, ranks)), np.repeat(~missing[:, None], 8, 1)))
    signal.add(6 * pair)
    labels, probabilities = signal.draw(rng)
    shown = (labels[:, None] + ord("0"), np.ones((rows, 1), bool))
    return Block(join([shown, *parts], "\t"), labels, probabilities)


def hashed(name: str, ranks: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return numbers that look random, one for each rank and other ones for other fields."""
    salt = np.uint32(int.from_bytes(name.encode(), "big") * 0x85EBCA6B % (1 << 32))
    return (ranks + salt) * np.uint32(0x9E3779B1)


def avazu_block(number: int, seed: int) -> Block:
    """Return rows of Avazu's form."""
    rng, rows = np.random.default_rng([seed, number]), BLOCK_ROWS
    signal, parts = Signal(rows, 22, bias=-1.59), list[Text]()
    hours = (number * rows + np.arange(rows)) // ROWS_PER_HOUR
    signal.add(0.3 * np.sin(2 * np.pi * (hours % 24) / 24).astype(np.float32))
    names = [
        (datetime(2014, 10, 21) + timedelta(hours=int(hour))).strftime("%y%m%d%H")
        for hour in range(int(hours[0]), int(hours[-1]) + 1)
    ]
    written = np.array(names, "S8").view(np.uint8).reshape(-1, 8)[hours - hours[0]]
    pair = np.ones(rows, np.float32)
    for name, (distinct, first) in AVAZU_FIELDS.items():
        ranks = draw_ranks(distinct, AVAZU_TAILS.get(name), rows, rng)
        signal.add(signal.weigh(name, ranks))
        if name in ("banner_pos", "C18"):
            pair *= signal.weigh("pair", ranks)
        if first is None:
            parts.append((as_hex(hashed(name, ranks)), np.ones((rows, 8), bool)))
        else:
            parts.append(as_decimal(ranks + np.uint32(first), 6))
    signal.add(4 * pair)
    labels, probabilities = signal.draw(rng)
    shown = (labels[:, None] + ord("0"), np.ones((rows, 1), bool))
    ids = as_decimal(rng.integers(10**18, 2**64 - 1, rows, np.uint64), 20)
    text = join([ids, shown, (written, np.ones(written.shape, bool)), *parts], ",")
    return Block(text, labels, probabilities)


def join(parts: list[Text], separator: str) -> bytes:
    """Lay the columns side by side, a row per line."""
    rows = len(parts[0][0])
    width = sum(text.shape[1] + 1 for text, _ in parts)
    text, there = np.empty((rows, width), np.uint8), np.ones((rows, width), bool)
    start = 0
    for column, present in parts:
        stop = start + column.shape[1]
        text[:, start:stop], there[:, start:stop] = column, present
        text[:, stop] = ord(separator)
        start = stop + 1
    text[:, -1] = ord("\n")
    return text[there].tobytes()


MAKERS: dict[str, tuple[Callable[[int, int], Block], str]] = {
    "criteo": (criteo_block, ""),
    "avazu": (avazu_block, ",".join(["id", "click", "hour", *AVAZU_FIELDS]) + "\n"),
}
"""What makes a block, and the header."""
NAMES = {"criteo": "train.txt", "avazu": "train.csv"}
"""What the loaders call the files."""


def opened(path: Path) -> IO[bytes]:
    """Open a file to write, compressed if its name says so."""
    if path.suffix == ".gz":
        return gzip.open(path, "wb", compresslevel=1)  # type: ignore[return-value]
    return zstandard.open(path, "wb") if path.suffix == ".zst" else path.open("wb")


def write(kind: str, rows: int, path: Path, seed: int = 0) -> None:
    """Write a file of a kind of log."""
    make, header = MAKERS[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = range(-(-rows // BLOCK_ROWS))
    with opened(path) as file, ThreadPoolExecutor(workers()) as pool:
        file.write(header.encode())
        blocks = in_order(pool, lambda number: make(number, seed), numbers)
        for number, block in zip(numbers, blocks, strict=True):
            text, left = block.text, rows - number * BLOCK_ROWS
            if left < BLOCK_ROWS:
                text = b"".join(text.splitlines(keepends=True)[:left])
            file.write(text)


def generated(kind: str, rows: int, folder: Path) -> Path:
    """Return the file of a kind of log, in a folder of its own as loaders want it, made if missing.

    The file has its name only once it is whole.
    """
    path = folder / f"{kind}-{rows}" / NAMES[kind]
    if not path.exists():
        partial = path.with_name(f"partial-{path.name}")
        write(kind, rows, partial)
        partial.replace(path)
    return path


def main() -> None:
    """Write one file and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(MAKERS))
    parser.add_argument("rows", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start_s = time.perf_counter()
    write(arguments.kind, arguments.rows, arguments.path, arguments.seed)
    took_s = time.perf_counter() - start_s
    print(
        f"{arguments.rows:,} rows, {arguments.path.stat().st_size / 1e6:,.0f} MB in {took_s:.0f} s:"
        f" {arguments.rows / took_s:,.0f} rows/s"
    )


if __name__ == "__main__":
    main()
