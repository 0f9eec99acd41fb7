"""The numbers of the AdaS&S paper, Tables 1 to 4, and what is known to be inconsistent in them.

Wei et al., "AdaS&S: a One-Shot Supernet Approach for Automatic Embedding Size Search in Deep
Recommender System". Methods are named by the labels of our runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aesbench.plugins.paper import DataFacts, Place, Relative, Score

TITLE = "AdaS&S"
"""How a report calls the paper; it is "the AdaS&S paper" where the method could be meant."""


@dataclass(frozen=True)
class Capability:
    """A row of Table 1, which the paper asserts and does not measure.

    Attributes:
        name: of the method.
        labels: what we call it.
        category: of the method.
        stable: whether its search results are.
        performance: ``✗``, ``Sub`` (below AdaS&S) or ``Better`` (than others).
        resource: whether it adapts to a limit on parameters.
    """

    name: str
    labels: tuple[str, ...]
    category: str
    stable: bool
    performance: str
    resource: bool


TABLE1 = (
    Capability("MDE", ("mde:quarter", "mde:value", "mde:field"), "Heuristic", True, "✗", True),
    Capability("AutoDim", ("autodim",), "NAS", False, "Sub", False),
    Capability("AutoEmb", ("autoemb",), "NAS", False, "Sub", False),
    Capability("ESAPN", ("esapn",), "NAS", False, "Sub", False),
    Capability("AMTL", ("amtl", "amtl:sizes"), "Pruning", False, "Sub", False),
    Capability("PEP", ("pep",), "Pruning", False, "Sub", False),
    Capability("SSEDS", ("sseds",), "Pruning", False, "Sub", True),
    Capability("AdaS&S", ("adass:r", "adass:e"), "NAS (One-Shot)", True, "Better", True),
)


TABLE2 = {
    "avazu": DataFacts("Avazu", 40_349_512, 22, 6_481_134, "click or not"),
    "ml1m": DataFacts("ML-1M", 994_833, 10, 15_703, "Rating"),
    "criteo": DataFacts("Criteo", 45_840_617, 39, 7_605_436, "click or not"),
}


_METHODS = (
    *("ues:32", "ues:24", "mde:quarter", "autodim", "autoemb", "esapn", "sseds"),
    *("adass:r", "adass:e"),
)


def _scores(auc: str, logloss: str, reduction: str) -> dict[str, Score]:
    """Read three lines of Table 3, in the order of ``_METHODS``, P-R in per cent."""
    reductions = [None, *(round(float(number) / 100, 4) for number in reduction.split())]
    pairs = zip(map(float, auc.split()), map(float, logloss.split()), reductions, strict=True)
    return {label: Score(*pair) for label, pair in zip(_METHODS, pairs, strict=True)}


TABLE3: Mapping[Place, Mapping[str, Score]] = {
    Place("avazu", "widedeep"): _scores(
        "0.7811 0.7784 0.7806 0.7821 0.7818 0.7810 0.7824 0.7822 0.7846",
        "0.3872 0.3915 0.3894 0.3859 0.3864 0.3878 0.3861 0.3860 0.3842",
        "27.31 23.45 8.43 14.13 25.51 24.09 32.97 21.58",
    ),
    Place("avazu", "deepfm"): _scores(
        "0.7829 0.7803 0.7813 0.7837 0.7841 0.7831 0.7837 0.7842 0.7866",
        "0.3849 0.3880 0.3865 0.3839 0.3831 0.3845 0.3834 0.3828 0.3807",
        "26.19 24.93 12.17 10.41 23.94 23.27 31.12 20.83",
    ),
    Place("ml1m", "widedeep"): _scores(
        "0.7873 0.7846 0.7868 0.7881 0.7879 0.7870 0.7880 0.7882 0.7905",
        "0.5568 0.5604 0.5585 0.5547 0.5558 0.5567 0.5554 0.5550 0.5532",
        "24.91 21.93 6.10 17.27 24.24 23.57 31.71 22.71",
    ),
    Place("ml1m", "deepfm"): _scores(
        "0.7891 0.7867 0.7886 0.7898 0.7904 0.7893 0.7899 0.7901 0.7923",
        "0.5547 0.5572 0.5561 0.5539 0.5530 0.5542 0.5532 0.5532 0.5513",
        "24.54 23.29 11.57 8.81 22.72 22.83 30.68 21.05",
    ),
    Place("criteo", "widedeep"): _scores(
        "0.7984 0.7955 0.7977 0.7990 0.7988 0.7981 0.7992 0.7995 0.8017",
        "0.4935 0.4964 0.4944 0.4923 0.4923 0.4932 0.4920 0.4919 0.4901",
        "29.07 28.51 17.94 16.03 26.59 27.54 34.10 25.12",
    ),
    Place("criteo", "deepfm"): _scores(
        "0.8013 0.7987 0.8005 0.8031 0.8027 0.8011 0.8034 0.8030 0.8044",
        "0.4892 0.4918 0.4899 0.4873 0.4878 0.4893 0.4870 0.4876 0.4860",
        "28.53 27.14 14.03 11.40 23.48 25.74 32.81 23.94",
    ),
}


@dataclass(frozen=True)
class Consistency:
    """A row of Table 4: Kendall's tau of inherited against stand-alone scores."""

    scheme: str
    sampling: str
    logloss: float
    auc: float


TABLE4 = (
    Consistency("Shared", "Random", 0.7246, 0.7020),
    Consistency("Shared", "Vanilla&Uniform", 0.7488, 0.7351),
    Consistency("Shared", "Weight&Uniform", 0.7541, 0.7409),
    Consistency("Shared", "Adaptive", 0.7891, 0.7815),
    Consistency("Indep", "Random", 0.7384, 0.7412),
    Consistency("Indep", "Vanilla&Uniform", 0.7498, 0.7455),
    Consistency("Indep", "Weight&Uniform", 0.7673, 0.7547),
    Consistency("Indep", "Adaptive", 0.7904, 0.7970),
)

RELATIVES = {
    "ml1m-static": Relative(
        "ml1m", "the same ratings without the two time fields, split at random instead of by time"
    ),
    "ml100k": Relative(
        "ml1m", "a tenth of the ratings, collected earlier, with the same ten fields"
    ),
}
"""Data sets of ours that are near one of the paper's."""

NOTES = (
    "ML-1M officially has 1,000,209 ratings and Avazu 40,428,967 rows; the paper lists 994,833"
    " and 40,349,512 and describes no filter.",
    "The 15,703 feature values of ML-1M cannot be had from its official files: by every reading"
    " that we tried they hold 13,869 at most.",
    "Avazu's 11 days include the test day, which has no labels.",
    "An embedding's parameters are linear in its size, so UES-24 saves 25 % of UES-32's at"
    " most; four of the paper's six cells say 26.19 to 29.07 %. Its P-R is printed here and"
    " never compared.",
    "Criteo's published LogLoss does not fit its AUC: DeepFM with .8013 / .4892, while public"
    " benchmarks have .8022 / .4491 for a factorisation machine. Only differences are"
    " compared.",
    "Standard deviations and the number of runs are not given; the test behind the asterisks"
    " is a two-sided t-test 'with the baseline', which is not named.",
)
"""What is known to be inconsistent or unsaid in the published numbers."""
