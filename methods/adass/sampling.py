"""Which embedding tables a training step uses: adaptive sampling (Eq. 4-6) and its rivals.

A strategy holds the paper's two rates, ``P_E (fields, candidates)`` and ``P_F (fields,)``, and
draws from them. Only adaptive sampling changes them. The others are the paper's Table 4, with two
controls: ``uniform``, every size equally often, every field always, and ``constant``, the rates at
which adaptive sampling starts. What adaptation is worth shows beside ``constant`` alone: our prior
over sizes and our rate of keeping fields make a good part of what adaptive sampling gains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from aesbench.datasets.base import Field
from aesbench_methods.adass.config import AdaSSConfig

TINY = 1e-6
"""The least rate of a table where no floor is set, so that rates can be normalised."""


@dataclass(frozen=True)
class Draw:
    """One subnet to train.

    Attributes:
        sizes: the number of the candidate of each field.
        keep: whether each field's vector enters the model; at least one does.
    """

    sizes: tuple[int, ...]
    keep: tuple[bool, ...]


@dataclass(frozen=True)
class Observation:
    """What a training step tells of the tables it sampled.

    Attributes:
        gradient: (fields,) L1 norm of the gradient of the looked-up vectors (Eq. 6); 0 for a field
            that was dropped.
        magnitude: (fields,) L1 norm of the vectors themselves (Eq. 6): of all that were chosen,
            whether kept or dropped, where ``importance`` is ``raw``, else of those kept.
        entries: (fields,) how many numbers of kept vectors there are; 0 for a field that was
            dropped.
    """

    gradient: Tensor
    magnitude: Tensor
    entries: Tensor


class Sampler:
    """Constant rates: every strategy but the adaptive one.

    Attributes:
        table_rates: P_E (fields, candidates), rows sum to 1.
        keep_rates: P_F (fields,).
    """

    adaptive = False

    def __init__(self, table_rates: Tensor, keep_rates: Tensor) -> None:
        self.table_rates, self.keep_rates = table_rates, keep_rates

    def draw(self, count: int, generator: torch.Generator) -> list[Draw]:
        """Draw subnets: for each one size per field, then the fields to keep (Eq. 4).

        The fields are drawn again where none is kept.
        """
        # A size is likeliest to have the largest ratio of its rate to an exponential number in
        # proportion to the rate. ``torch.multinomial`` does the same, and checks the rates first,
        # which takes longer than the draw.
        races = torch.empty(count, *self.table_rates.shape)
        keeps = []
        for race in races:
            race.exponential_(generator=generator)
            keep: list[float] = []
            while not any(keep):
                keep = torch.bernoulli(self.keep_rates, generator=generator).tolist()
            keeps.append(tuple(map(bool, keep)))
        sizes = (self.table_rates / races).argmax(2)  # (count, fields)
        return [Draw(tuple(own), keep) for own, keep in zip(sizes.tolist(), keeps, strict=True)]

    def update(self, variances: Tensor, observation: Observation) -> None:
        """Adapt the rates to the state of the training; constant rates stay."""


def first_rates(
    config: AdaSSConfig, fields: int, candidates: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return P_E ``(fields, candidates)`` and P_F ``(fields,)`` at the start of ``adaptive``."""
    rates = torch.tensor(candidates, dtype=torch.float32) ** -config.size_power
    return (rates / rates.sum()).repeat(fields, 1), torch.full((fields,), config.keep_rate)


class AdaptiveSampler(Sampler):
    """Adaptive sampling: tables that trained little, and fields that matter, more often.

    Args:
        config: the readings of Eq. 5 and 6.
        fields: how many.
        candidates: the sizes, ascending.
        updates: how many updates are planned; bounds the drift of the rates.
        first_variances: (fields, candidates) the tables' variances before training.
    """

    adaptive = True

    def __init__(
        self,
        config: AdaSSConfig,
        fields: int,
        candidates: Sequence[int],
        updates: int,
        first_variances: Tensor,
    ) -> None:
        super().__init__(*first_rates(config, fields, candidates))
        self.config = config
        self.step = config.rate_drift / max(1, updates) if config.rate_drift else 1.0
        self._first_variances = first_variances
        self._seen = torch.zeros(fields, dtype=torch.bool)
        self._averages = torch.zeros(2, fields)

    def update(self, variances: Tensor, observation: Observation) -> None:
        """Move both rates by one step.

        Args:
            variances: (fields, candidates) Var(E_ij) over the rows that occur in train.
            observation: of the step just taken.
        """
        self.table_rates = self._moved_table_rates(variances)
        self.keep_rates = self._moved_keep_rates(observation)

    def _moved_table_rates(self, variances: Tensor) -> Tensor:
        """Eq. 5: P_E - LN(Var), so that tables of low variance are sampled more."""
        config, count = self.config, self.table_rates.shape[1]
        if config.variance == "relative":
            # Var depends on the size and on the initial spread; its growth does not.
            variances = variances / self._first_variances
        else:
            # LN does not see a common factor, but for what it adds to a variance before its root:
            # 1e-5, a thousand times the variance of variances near .01².
            variances = variances / self._first_variances.mean()
        if config.table_rates == "candidates":
            normed = layer_norm(variances, (count,))
        else:
            # As printed: the mean over sizes leaves one number per field. LN acts on the fields,
            # and all rates of a field move alike.
            normed = layer_norm(variances.mean(1), variances.shape[:1]).unsqueeze(1)
        floor = max(config.table_rate_floor / count, TINY)
        moved = (self.table_rates - self.step * normed).clamp(min=floor)
        return moved / moved.sum(1, keepdim=True)

    def _moved_keep_rates(self, observation: Observation) -> Tensor:
        """Eq. 6: P_F + LN(λ_FS ‖∂L/∂Ė‖₁ + (1 - λ_FS) ‖Ė‖₁).

        Ė is what ES chose for all M fields, before FS drops some (Eq. 4): in the letter a dropped
        field has no gradient, and its norm all the same, so that it can come back. 1 / (M T) is a
        common factor, to which LN is blind.
        """
        config, sampled = self.config, observation.entries > 0
        terms = torch.stack([observation.gradient, observation.magnitude])  # (2, fields)
        if config.importance == "balanced":
            terms = self._balanced(terms / observation.entries.clamp(min=1), sampled)
        normed = layer_norm(
            config.lambda_fs * terms[0] + (1 - config.lambda_fs) * terms[1], terms.shape[1:]
        )
        return (self.keep_rates + self.step * normed).clamp(config.keep_floor, 1.0)

    def _balanced(self, terms: Tensor, sampled: Tensor) -> Tensor:
        """Return both terms ``(2, fields)`` of Eq. 6 averaged over steps and in one unit.

        A dropped field has no gradient: it keeps what it showed before. Each term is divided by
        its mean over the fields, since gradients are orders of magnitude smaller than values.
        """
        moved = torch.where(self._seen, 0.9 * self._averages + 0.1 * terms, terms)
        self._averages = torch.where(sampled, moved, self._averages)
        self._seen |= sampled
        mean = self._averages[:, self._seen].mean(1, keepdim=True)
        # A field not seen yet counts as an average one.
        return torch.where(self._seen, self._averages / mean.clamp(min=TINY**2), torch.ones(()))


def make_sampler(
    config: AdaSSConfig,
    fields: Sequence[Field],
    candidates: Sequence[int],
    updates: int,
    first_variances: Callable[[], Tensor],
) -> Sampler:
    """Return the strategy of the settings.

    Args:
        config: names the strategy.
        fields, candidates: the search space.
        updates: how many updates of adaptive rates are planned.
        first_variances: returns the variances of the tables before training.
    """
    count = len(fields)
    uniform = torch.full((count, len(candidates)), 1 / len(candidates))
    # "sampling rate for candidate embeddings are proportional to their Emb-sizes" (Table 4's text)
    by_size = torch.tensor(candidates).repeat(count, 1) / sum(candidates)
    everything = torch.ones(count)
    if config.sampling == "adaptive":
        return AdaptiveSampler(config, count, candidates, updates, first_variances())
    if config.sampling == "constant":
        return Sampler(*first_rates(config, count, candidates))
    if config.sampling == "random":
        return Sampler(uniform, torch.full((count,), config.random_keep_rate))
    if config.sampling == "vanilla":
        return Sampler(by_size, everything)
    if config.sampling == "weight":
        # By the logarithm: raw cardinalities would never train a field of two values.
        weights = torch.tensor([field.cardinality for field in fields]).float().log1p()
        keep = config.random_keep_rate * weights / weights.mean()
        return Sampler(by_size, keep.clamp(0.05, 1.0))
    return Sampler(uniform, everything)
