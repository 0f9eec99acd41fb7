"""The settings of AdaS&S: every choice that the paper leaves open, by name, with its reason.

Two readings of the paper are presets: *resolved* is the defaults; ``LITERAL`` is the paper to the
letter, whatever it does. Where a default differs from the letter, the reason stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aesbench.core.settings import require, require_int


@dataclass(frozen=True)
class AdaSSConfig:
    """The settings of both stages.

    Stage 1, the supernet (section 3.1, Algorithm 1):

    Attributes:
        scheme: ``independent`` tables per size, the paper's for ML-1M, or ``shared``, prefixes of
            the largest, its choice for Criteo and Avazu. Ours is shared throughout: a table of its
            own is trained in a fifth of the steps only, and after 15 epochs of ML-1M its subnets
            are .0016 of AUC further from their stand-alone level, in twice the time.
        sampling: the strategy of Table 4; ``uniform`` and ``constant`` are our controls, the
            latter of adaptation: ``adaptive`` with its first rates kept to the end.
        size_power: P_E of ``adaptive`` (and ``constant``) starts in proportion to d to the minus
            this power. 0 is the letter, uniform rates, which leave small sizes behind: their few
            components learn to go with the many others of the larger sizes that a step is likelier
            to draw. At .5 tau on ML-1M rises, at 1 it falls.
        keep_rate: P_F at the start of ``adaptive`` (and ``constant``); not given in the paper. A
            pair of fields is trained in P_F² of the steps, so low rates leave pairs unlearned, and
            sizes that only pairs need look useless.
        random_keep_rate: P_F of ``random``, .6 in the text of Table 4, and the mean of ``weight``.
        rate_interval: training steps between two updates of the rates; the letter (Algorithm 1,
            line 13) is 1. Ours is 10: an update costs a pass over all tables.
        rate_drift: by how much a rate can move in all; divided by the planned updates it is the
            step that multiplies LN in Eq. 5 and 6. 0 is the letter: a step of 1, with which every
            rate leaves [0, 1] at the first update.
        table_rate_floor: the least P_E, as a share of 1/T. The letter has none.
        keep_floor: the least P_F; see ``keep_rate``. The letter has none.
        table_rates: over what LN of Eq. 5 acts. ``candidates``: over the sizes of a field, which
            has the stated effect. ``fields`` is the letter: the mean over sizes leaves one number
            per field, so all sizes of a field move alike and P_E stays uniform.
        variance: of Eq. 5. ``raw`` is the letter; ``relative``, to the variance before training,
            does not depend on the size.
        importance: of Eq. 6. ``raw`` is the letter: sums over the batch, the norm over the chosen
            vectors of all M fields, which FS drops later (Eq. 4). ``balanced`` takes means per
            entry, or large sizes would win, in units of their mean over the fields, or gradients
            would not count, and of a dropped field what it showed last.
        lambda_fs: λ_FS of Eq. 6, the share of gradients (section 4.2).
        columns: where vectors enter the backbone's first layer under the unification ``plain``:
            all sizes at the ``first`` of the field's columns, so that its weights learn from every
            step, or each size in columns of its ``own``, for weights of its own. The paper does not
            print how supernets concatenate (see ``LITERAL``).
        groups: into how many parts a batch is cut, each with a draw of its own: more subnets per
            step at equal cost. The letter is 1 (Algorithm 1, line 10).
        sandwich: train the smallest and the largest subnet beside the drawn ones at every step
            (Yu & Huang, 2019).
        supernets: how many supernets are trained; subnets are scored by the mean of their metrics.
        epochs: the most passes over the train split; the paper gives none. ML-1M stops at 11 to 13.
        patience: passes without a better mean validation AUC of a few fixed subnets. With 1 in
            place of 2, three supernets of 260,000 flights took 24 passes in place of 29, two of
            ``planted`` 37 in place of 38, one of ML-1M 11 in place of 15, at the same tau within
            .02. The default is that of the records.
        learning_rate: of both tables and model (section 4.2). With 2e-3 and a patience of 1 they
            took 21, 28 and 11 passes, at a tau lower by .03 [.00, .06] on flights, higher by .02
            [-.01, .05] on ``planted``, the same on ML-1M.

    Stage 2, the search (section 3.2):

    Attributes:
        search: ``rl`` is the paper's; ``greedy``, ``random`` and ``evolution`` are controls on the
            same supernet, objective and budget of evaluations.
        lambda_r: weight of the size penalty of Eq. 9, in units of the reward; .005 in resource-
            first mode, .0025 in effect-first mode (section 4.2).
        lambda_c: weight of the competition penalty of Eq. 9; .04 and .08. In units of the
            reward's standard deviation if ``reward_unit`` says so.
        reward: what ACC_val stands for. ``accuracy`` at threshold .5 is the letter; it hardly moves
            where positives are rare.
        reward_rows: the most validation rows that score a subnet, evenly spaced. The sizes of
            most fields of ML-1M differ by 1e-4 of AUC, which few rows cannot tell.
        reward_weight: what multiplies the reward. ``lambda_r`` is the letter, where one symbol
            weighs the reward and its penalty: reward differences of 1e-5 against penalties of .1.
        reward_unit: ``deviation`` measures all terms of the loss in standard deviations of the
            reward over random subnets, so that one learning rate suits all data; ``none`` is the
            letter.
        size_unit: of d_j in Eq. 9. ``relative`` to the largest, with which the λ_r of the paper
            make sense; ``raw`` is the letter, where the penalty outweighs all effects of size.
        price_by_parameters: the share of the size penalty of Eq. 9 that weighs fields by their
            cardinality, so that it is the memory it is said to limit. 0 is the letter, where a
            dimension of any field costs the same, which bounds no memory; 1 leaves the sizes of
            small fields to chance.
        baseline: subtract the mean reward of the other actions. The letter has no baseline.
        credit: of Eq. 8. ``step``: each action answers for its own reward; ``track`` is the letter,
            where all actions up to a reward answer for it.
        track_steps: steps of a track before it is started anew; not given in the paper.
        head: output layer of the policy, of which the paper says nothing. ``field``: one per field;
            with ``shared`` weights for all fields, as transformers mostly have it, the policy gives
            all fields one size in most searches.
        entropy: weight of an entropy bonus that falls to 0 over the first half of the search; none
            in the paper, where searches lock in on the first sizes that they happen to try.
        ramp: let λ_c rise from 0 over the first half of the search, for the same reason.
        actions: sampled per state; not given in the paper.
        steps: the most updates of the policy; not given in the paper.
        patience_steps: updates without a change of the likeliest sizes that end the search.
        policy_learning_rate: of the policy; 5e-4 in section 4.2, too low to settle in the
            evaluations of ours.
        result: ``likeliest`` is the letter, the sizes that the trained policy holds likeliest,
            which it need not have scored; ``best`` of those that the search scored by the objective
            that it climbs: what 100 searches of a supernet agree on, in half the evaluations.
        evaluations: the most different subnets that a search may score.
    """

    scheme: Literal["independent", "shared"] = "shared"
    sampling: Literal["adaptive", "random", "vanilla", "weight", "uniform", "constant"] = "adaptive"
    size_power: float = 0.5
    keep_rate: float = 0.9
    random_keep_rate: float = 0.6
    rate_interval: int = 10
    rate_drift: float = 0.5
    table_rate_floor: float = 0.25
    keep_floor: float = 0.6
    table_rates: Literal["candidates", "fields"] = "candidates"
    variance: Literal["relative", "raw"] = "relative"
    importance: Literal["balanced", "raw"] = "balanced"
    lambda_fs: float = 0.6
    columns: Literal["first", "own"] = "first"
    groups: int = 4
    sandwich: bool = False
    supernets: int = 1
    epochs: int = 20
    patience: int = 2
    learning_rate: float = 1e-3

    search: Literal["rl", "greedy", "random", "evolution"] = "rl"
    lambda_r: float = 0.005
    lambda_c: float = 0.04
    reward: Literal["auc", "accuracy", "logloss"] = "auc"
    reward_rows: int = 65536
    reward_weight: Literal["one", "lambda_r"] = "one"
    reward_unit: Literal["deviation", "none"] = "deviation"
    size_unit: Literal["relative", "raw"] = "relative"
    price_by_parameters: float = 0.5
    baseline: bool = True
    credit: Literal["step", "track"] = "step"
    track_steps: int = 10
    head: Literal["field", "shared"] = "field"
    entropy: float = 5.0
    ramp: bool = True
    actions: int = 8
    steps: int = 500
    patience_steps: int = 100
    policy_learning_rate: float = 6e-3
    result: Literal["best", "likeliest"] = "best"
    evaluations: int = 700

    def __post_init__(self) -> None:
        for name, least in (
            ("rate_interval", 1),
            ("groups", 1),
            ("supernets", 1),
            ("epochs", 1),
            ("patience", 1),
            ("reward_rows", 2),
            ("track_steps", 1),
            ("actions", 2 if self.baseline else 1),
            ("steps", 1),
            ("patience_steps", 1),
            ("evaluations", 1),
        ):
            require_int(getattr(self, name), f"adass.{name}", least)
        for name in ("keep_rate", "random_keep_rate", "learning_rate", "policy_learning_rate"):
            require(getattr(self, name) > 0, f"adass.{name}", getattr(self, name), "above 0")
        for name in (
            "keep_rate",
            "random_keep_rate",
            "table_rate_floor",
            "keep_floor",
            "lambda_fs",
        ):
            value = getattr(self, name)
            require(0 <= value <= 1, f"adass.{name}", value, "between 0 and 1")
        for name in ("size_power", "rate_drift", "lambda_r", "lambda_c", "entropy"):
            value = getattr(self, name)
            require(value >= 0, f"adass.{name}", value, "at least 0")


RESOURCE_FIRST = {"lambda_r": 0.005, "lambda_c": 0.04}
"""AdaS&S-R (section 4.2)."""

EFFECT_FIRST = {"lambda_r": 0.0025, "lambda_c": 0.08}
"""AdaS&S-E (section 4.2)."""

LITERAL = {
    "scheme": "independent",
    "size_power": 0.0,
    "keep_rate": 0.6,
    "rate_interval": 1,
    "rate_drift": 0.0,
    "table_rate_floor": 0.0,
    "keep_floor": 0.0,
    "table_rates": "fields",
    "variance": "raw",
    "importance": "raw",
    "groups": 1,
    "sandwich": False,
    "supernets": 1,
    "reward": "accuracy",
    "reward_weight": "lambda_r",
    "reward_unit": "none",
    "size_unit": "raw",
    "price_by_parameters": 0.0,
    "baseline": False,
    "credit": "track",
    "head": "shared",
    "entropy": 0.0,
    "ramp": False,
    "policy_learning_rate": 5e-4,
    "result": "likeliest",
}
"""The paper to the letter, wherever it has one. Where it has none, or the harness another rule:

- *Transform.* Line 11 of Algorithm 1 maps every vector to one width, for Wide&Deep too, whose
  retrained model section 3.3 both concatenates and still transforms. A search unifies as its run
  does, so Wide&Deep pads by default; the letter of line 11 is ``adass:literal-r+transform``.
- *Columns.* Padded vectors of all sizes of a field meet the same weights of the first layer, though
  independent tables have nothing in common; ``columns=own`` gives each size weights of its own, as
  the T transforms of Eq. 7 do.
- *Head.* The output layer of the policy is shared by all fields; the paper is silent.
- *Rates.* P_F is cut to [0, 1], and P_E to positive numbers that sum to 1: Eq. 5 and 6 leave the
  range of a probability at their first step. Fields are drawn again where none is kept.
- *Accuracy* is a threshold's, at .5, which is not given; supernets train until they stop to rise.
"""
