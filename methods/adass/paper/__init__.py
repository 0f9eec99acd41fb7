"""The AdaS&S paper: its line-up, its numbers, what it claims, and its tables and figures.

No module of this folder imports torch when it is imported: a report needs none.
"""

from __future__ import annotations

from aesbench.plugins.paper import Paper
from aesbench_methods.adass.paper.claims import CLAIMS
from aesbench_methods.adass.paper.exhibits import EXHIBITS
from aesbench_methods.adass.paper.published import NOTES, RELATIVES, TABLE2, TABLE3, TITLE
from aesbench_methods.adass.paper.studies import STUDIES
from aesbench_methods.adass.paper.variants import APART

PAPER = Paper(
    name="adass",
    title=TITLE,
    citation=(
        "Wei, Yang, Zhang, Wu, Liu, Ma: AdaS&S: a One-Shot Supernet Approach for Automatic"
        " Embedding Size Search in Deep Recommender System, 2024"
    ),
    line_up=(
        *("ues:32", "ues:24", "mde:quarter", "mde:value", "mde:field", "random"),
        *("autodim", "autoemb", "esapn", "sseds"),
        *("adass:r", "adass:e", "adass:greedy", "adass:random", "adass:evolution"),
    ),
    proposes="adass:r",
    beside=("mde:value", "mde:field", "random", "adass:evolution"),
    titles={
        "mde:quarter": "MDE (25 % saved)",
        "mde:value": "MDE",
        "mde:field": "MDE (field-wise)",
        "random": "Random sizes",
        "autodim": "AutoDim",
        "autoemb": "AutoEmb",
        "esapn": "ESAPN",
        "amtl": "AMTL",
        "amtl:sizes": "AMTL (sizes)",
        "pep": "PEP",
        "sseds": "SSEDS",
        "adass": "AdaS&S",
        "adass:r": "AdaS&S-R",
        "adass:e": "AdaS&S-E",
        "adass:greedy": "AdaS&S supernet, greedy",
        "adass:random": "AdaS&S supernet, random",
        "adass:evolution": "AdaS&S supernet, evolution",
        "adass:literal-r": "AdaS&S-R (literal)",
        "adass:literal-e": "AdaS&S-E (literal)",
        "avazu": "Avazu",
        "criteo": "Criteo",
        "ml1m": "ML-1M",
        "ml1m-static": "ML-1M static",
        "ml100k": "ML-100K",
        "widedeep": "Wide&Deep",
        "deepfm": "DeepFM",
    },
    table="table3",
    heading="Table 3, overall performance",
    claim=(
        "AdaS&S-E raises AUC by about .3 % over UES-32 and saves about 20 % of the parameters;"
        " AdaS&S-R saves about 30 % and raises AUC by about .1 %; both outperform the other AES"
        " methods (section 4.3)."
    ),
    published=TABLE3,
    datasets=TABLE2,
    relatives=RELATIVES,
    claims=CLAIMS,
    apart=APART,
    notes=NOTES,
    studies=STUDIES,
    exhibits=EXHIBITS,
)
