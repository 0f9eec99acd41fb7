"""Time our training step beside DeepCTR-Torch's and FuxiCTR's, and beside this machine's floor.

Every contender trains Wide&Deep (hidden layers 128-64) with Adam on the same rows: ML-1M's ten
cardinalities, embedding size 32, batches of 512 in random order. A step is everything from getting
the batch to the updated parameters, so each contender uses its own loader:

- DeepCTR-Torch trains through ``model.fit`` with ``verbose=0`` on arrays in memory; above 0 it
  computes metrics in every step.
- FuxiCTR trains through ``train_step`` on batches of its npz loader without workers, its fastest.
  Its wheel has no Wide&Deep, so one is built from its own layers. Its step always clips the
  gradient norm, which is part of what its user waits for.

The peers run without regularisation; ours keeps its weight decay on the rows of the batch, its
default. Contenders take turns within every round, and ratios are taken within a round, because
other work on the machine changes its speed from one minute to the next. The log loss on the
training rows before and after shows that each contender learns.

    pip install aesbench[peers]
    python tests/benchmarks/training_step.py --steps 200 --rounds 9 --threads 2
"""

from __future__ import annotations

import argparse
import contextlib
import io
import platform
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aesbench import metrics, training
from aesbench.allocation import Allocation
from aesbench.backbones import BackboneConfig, WideDeep
from aesbench.config import TrainConfig
from aesbench.datasets.base import Field, Split
from aesbench.embedding import MixedEmbedding
from aesbench.optimizer import ModelAdam

CARDINALITIES = (6041, 3707, 3440, 3, 8, 22, 82, 302, 3, 25)
"""Distinct ids per field of ML-1M, out-of-vocabulary ids included."""
DIM = 32
BATCH = 512
HIDDEN = (128, 64)
SKEW = 0.5
"""Frequency falls as rank to this power: the most frequent item takes 0.8 % of the rows. It takes
0.3 % of ML-1M's. A steeper fall would leave fewer distinct rows per batch and flatter ours."""
NAMES = tuple(f"field{number}" for number in range(len(CARDINALITIES)))


@dataclass(frozen=True)
class Contender:
    """A library at work.

    Attributes:
        name: how the table calls it.
        train: takes one step per batch of the rows, in a fresh random order.
        predict: returns the logits ``(rows,)`` in file order.
    """

    name: str
    train: Callable[[], None]
    predict: Callable[[], NDArray[Any]]


def draw_rows(rows: int) -> Split:
    """Draw skewed ids and labels that depend on them through one weight per value."""
    rng = np.random.default_rng(0)
    ids = np.empty((rows, len(CARDINALITIES)), dtype=np.int32)
    logits = np.zeros(rows)
    for column, cardinality in enumerate(CARDINALITIES):
        frequencies = np.arange(1, cardinality + 1) ** -SKEW
        ids[:, column] = rng.choice(cardinality, size=rows, p=frequencies / frequencies.sum())
        logits += rng.normal(0, 0.7, size=cardinality)[ids[:, column]]
    labels = rng.random(rows) < 1 / (1 + np.exp(-logits))
    return Split(ids, labels.astype(np.uint8))


def make_ours(split: Split) -> Contender:
    """Build our Wide&Deep and the loop body of ``training.fit``."""
    fields = [Field(*pair) for pair in zip(NAMES, CARDINALITIES, strict=True)]
    config = TrainConfig(batch_size=BATCH)
    generator = torch.Generator().manual_seed(0)
    embedding = MixedEmbedding(
        fields,
        Allocation.uniform(fields, DIM),
        unification="plain",
        final_dim=DIM,
        table_std=config.table_std,
        generator=generator,
    )
    model = WideDeep(fields, embedding, BackboneConfig(HIDDEN), generator)
    optimizer = ModelAdam(model, learning_rate=config.learning_rate, l2=config.l2)

    def train() -> None:
        model.train()
        for ids, labels in split.batches(config.batch_size, shuffle=generator):
            training.step(model, optimizer, ids, labels)

    return Contender("aesbench", train, lambda: training.predict(model, split))


def make_deepctr(split: Split) -> Contender:
    """Build DeepCTR-Torch's Wide&Deep.

    Raises:
        ImportError: DeepCTR-Torch is not installed.
    """
    from deepctr_torch.inputs import SparseFeat
    from deepctr_torch.models import WDL

    columns = [SparseFeat(*pair, DIM) for pair in zip(NAMES, CARDINALITIES, strict=True)]
    model = WDL(columns, columns, HIDDEN, l2_reg_linear=0, l2_reg_embedding=0)
    model.compile("adam", "binary_crossentropy")
    inputs = {name: split.ids[:, column] for column, name in enumerate(NAMES)}
    labels = split.labels.astype(np.float32)

    def train() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(inputs, labels, batch_size=BATCH, verbose=0)

    return Contender(
        "DeepCTR-Torch", train, lambda: to_logits(model.predict(inputs, training.EVALUATION_BATCH))
    )


def make_fuxictr(split: Split) -> Contender:
    """Build a Wide&Deep from FuxiCTR's layers and write the rows to a file for its npz loader.

    Raises:
        ImportError: FuxiCTR is not installed.
    """
    from fuxictr.features import FeatureMap
    from fuxictr.pytorch.dataloaders import RankDataLoader
    from fuxictr.pytorch.layers import FeatureEmbedding, LogisticRegression, MLP_Block
    from fuxictr.pytorch.models import BaseModel

    class FuxiWideDeep(BaseModel):  # type: ignore[misc]
        """Wide&Deep as FuxiCTR's model zoo writes its models."""

        def __init__(self, feature_map: Any, **settings: Any) -> None:
            super().__init__(feature_map, **settings)
            self._max_gradient_norm = 10.0  # The default of its ``fit``.
            self.embedding_layer = FeatureEmbedding(feature_map, DIM)
            self.lr_layer = LogisticRegression(feature_map)
            width = feature_map.sum_emb_out_dim()
            self.mlp = MLP_Block(width, list(HIDDEN), output_dim=1)
            self.compile("adam", "binary_crossentropy", lr=1e-3)
            self.reset_parameters()

        def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            """Map a batch to ``y_pred (batch, 1)``."""
            features = self.get_inputs(inputs)
            deep = self.mlp(self.embedding_layer(features, flatten_emb=True))
            return {"y_pred": self.output_activation(self.lr_layer(features) + deep)}

    feature_map = FeatureMap("generated", "")
    feature_map.features = OrderedDict(
        (name, {"source": "", "type": "categorical", "vocab_size": cardinality})
        for name, cardinality in zip(NAMES, CARDINALITIES, strict=True)
    )
    feature_map.labels = ["label"]
    feature_map.default_emb_dim = DIM
    feature_map.num_fields = feature_map.get_num_fields()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "rows.npz")
        columns = {name: split.ids[:, column] for column, name in enumerate(NAMES)}
        np.savez(path, label=split.labels, **columns)

        def load(shuffle: bool) -> Any:
            return RankDataLoader(
                feature_map,
                stage="train",
                train_data=path,
                batch_size=BATCH,
                shuffle=shuffle,
                num_workers=0,
            )[0]

        shuffled, in_order = load(True), load(False)
    model = FuxiWideDeep(feature_map, metrics=["logloss"], model_root="", verbose=0)

    def train() -> None:
        model.train()
        for batch in shuffled:
            model.train_step(batch)

    return Contender("FuxiCTR", train, lambda: to_logits(model.predict(in_order)))


def to_logits(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Return the log-odds ``(rows,)`` of probabilities that may have been rounded to 0 or 1."""
    flat = probabilities.reshape(-1).clip(1e-7, 1 - 1e-7)
    return np.log(flat) - np.log1p(-flat)


def time_rounds(contenders: list[Contender], steps: int, rounds: int) -> list[list[float]]:
    """Return the seconds per step of each contender, one list per round; contenders take turns."""
    for contender in contenders:
        contender.train()  # Warm-up, outside the clock.
    measured = []
    for _ in range(rounds):
        step_s = []
        for contender in contenders:
            start_s = time.perf_counter()
            contender.train()
            step_s.append((time.perf_counter() - start_s) / steps)
        measured.append(step_s)
    return measured


def median_time_s(work: Callable[[], object], repeats: int = 300) -> float:
    """Return the median seconds that a call of ``work`` takes."""
    times = []
    for _ in range(repeats):
        start_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - start_s)
    return median(times)


def measure_products_s() -> float:
    """Return the seconds of the MLP's matrix products: forward, and backward to both factors."""
    widths = (len(CARDINALITIES) * DIM, *HIDDEN, 1)
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        x, weight = torch.randn(BATCH, inputs), torch.randn(outputs, inputs)
        gradient = torch.randn(BATCH, outputs)
        results = torch.empty(BATCH, outputs), torch.empty_like(weight), torch.empty_like(x)
        layers.append((x, weight, gradient, results))

    def multiply() -> None:
        for x, weight, gradient, (forward, to_weight, to_input) in layers:
            torch.mm(x, weight.t(), out=forward)  # (batch, outputs)
            torch.mm(gradient.t(), x, out=to_weight)  # (outputs, inputs)
            torch.mm(gradient, weight, out=to_input)  # (batch, inputs)

    return median_time_s(multiply)


def count_bytes(split: Split) -> int:
    """Count the bytes of a step that no implementation avoids, each read or written once.

    Ids and labels in; vectors gathered and written side by side; their gradients read and summed
    by row; and for each touched row and each dense parameter the summed gradient read, and value
    and both moments read and written. A first-order weight is one more component of its row.
    """
    offsets = np.concatenate([[0], np.cumsum(CARDINALITIES[:-1])])
    touched = [
        len(np.unique(split.ids[start : start + BATCH] + offsets))
        for start in range(0, len(split), BATCH)
    ]
    looked_up = BATCH * len(CARDINALITIES)
    widths = (len(CARDINALITIES) * DIM, *HIDDEN, 1)
    dense = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True)) + 1
    gathered = 2 * looked_up * (DIM + 1)  # Read from the table, written to the activations.
    gradients = (looked_up + median(touched)) * (DIM + 1)  # Read per look-up, written per row.
    updates = 7 * (median(touched) * (DIM + 1) + dense)
    return int(4 * (looked_up + BATCH + gathered + gradients + updates))


def measure_bandwidth(size_bytes: int) -> float:
    """Return the bytes per second, read and written, of copying half that many bytes."""
    source = torch.ones(size_bytes // 8)  # Half of the bytes are read, half are written.
    target = torch.empty_like(source)
    return size_bytes / median_time_s(lambda: target.copy_(source))


def describe_machine() -> str:
    """Return CPU, cores, threads and versions."""
    cpu = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), cpu)
    return (
        f"CPU {cpu}, {torch.get_num_threads()} threads, torch {torch.__version__},"
        f" Python {platform.python_version()}"
    )


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the greatest value."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Time all contenders that are installed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, all contenders in each")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    split = draw_rows(arguments.steps * BATCH)
    contenders, missing = [make_ours(split)], []
    for name, make in (("DeepCTR-Torch", make_deepctr), ("FuxiCTR", make_fuxictr)):
        try:
            contenders.append(make(split))
        except ImportError:
            missing.append(name)
    before = [metrics.logloss(split.labels, c.predict()) for c in contenders]
    measured = time_rounds(contenders, arguments.steps, arguments.rounds)
    after = [metrics.logloss(split.labels, c.predict()) for c in contenders]
    products_s = measure_products_s()
    step_bytes = count_bytes(split)
    bandwidth = measure_bandwidth(step_bytes)
    floor_s = products_s + step_bytes / bandwidth

    print(f"`python {' '.join(sys.argv)}`\n\n{describe_machine()}\n")
    print("| | ms per step | samples/s | ours / theirs, samples/s | log loss before, after |")
    print("| --- | --- | --- | --- | --- |")
    for number, contender in enumerate(contenders):
        step_ms = [1000 * step_s[number] for step_s in measured]
        ratios = [step_s[number] / step_s[0] for step_s in measured]
        print(
            f"| {contender.name} | {spread(step_ms, 2)} | {1000 * BATCH / median(step_ms):,.0f}"
            f" | {spread(ratios, 2) if number else ''}"
            f" | {before[number]:.4f}, {after[number]:.4f} |"
        )
    print(f"| floor | {1000 * floor_s:.2f} | {BATCH / floor_s:,.0f} | | |")
    print(
        f"\nMedian (least-greatest) of {arguments.rounds} rounds of {arguments.steps} steps."
        f" Floor: matrix products {1000 * products_s:.2f} ms, and {step_bytes / 1e6:.1f} MB at"
        f" {bandwidth / 1e9:.1f} GB/s {1000 * step_bytes / bandwidth:.2f} ms."
    )
    if len(contenders) > 1:
        ratios = [min(step_s[1:]) / step_s[0] for step_s in measured]
        print(f"\nOur samples per second over the faster peer's: {spread(ratios, 2)}.")
    if missing:
        print(f"\nNot installed: {', '.join(missing)}. Run pip install aesbench[peers]")
    if any(end >= start for start, end in zip(before, after, strict=True)):
        sys.exit("A contender did not learn: its log loss did not fall.")


if __name__ == "__main__":
    main()
