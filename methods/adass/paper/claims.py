"""What the paper's Table 3 claims, each with the comparison that tests it."""

from __future__ import annotations

from aesbench.plugins.paper import Claim

PAST = ("mde:quarter", "autodim", "autoemb", "esapn", "sseds")
"""The AES methods that the paper compares AdaS&S with."""

CLAIMS = (
    *(
        Claim("{ours} {verb} UES-32 by AUC", method, "ues:32")
        for method in ("ues:24", *PAST, "adass:r", "adass:e")
    ),
    # The rival is chosen on validation, as whoever had to choose a method would.
    Claim("{ours} beats the best past AES method{rival} by AUC", "adass:e", PAST),
    Claim(
        "{ours} saves more of the embedding than any past AES method{rival}",
        "adass:r",
        PAST,
        measure="param_reduction",
        chosen_by="param_reduction",
    ),
)
