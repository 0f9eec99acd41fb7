"""How reports call methods: the paper's names where it has them, the label otherwise."""

from __future__ import annotations

import re

from aesbench.core.label import Label

_NAMES = {
    "mde:value": "MDE",
    "mde:field": "MDE (field-wise)",
    "autodim": "AutoDim",
    "autoemb": "AutoEmb",
    "esapn": "ESAPN",
    "amtl": "AMTL",
    "pep": "PEP",
    "sseds": "SSEDS",
    "adass:r": "AdaS&S-R",
    "adass:e": "AdaS&S-E",
    "adass:greedy": "AdaS&S supernet, greedy",
    "adass:random": "AdaS&S supernet, random",
    "adass:evolution": "AdaS&S supernet, evolution",
    "adass:literal-r": "AdaS&S-R (literal)",
    "adass:literal-e": "AdaS&S-E (literal)",
    "random": "Random sizes",
    "tpe": "TPE",
}


def method_of(label: str) -> str:
    """Return a label without what was changed: ``adass:r`` of ``adass:r[steps=9]+plain@0.5``."""
    return Label.parse(label).method


def display_name(label: str) -> str:
    """Return the paper's name for a method, followed by whatever was changed."""
    called = Label.parse(label)
    name = _NAMES.get(called.method, called.method)
    if called.name == "ues" and called.preset.isdecimal():
        name = f"UES-{called.preset}"
    changes = re.sub(r"\+([a-z-]+)", r" (\1)", called.changes)
    return name + changes.replace("@", " @")


_DATASETS = {
    "ml1m": "ML-1M",
    "ml1m-static": "ML-1M static",
    "ml100k": "ML-100K",
    "avazu": "Avazu",
    "criteo": "Criteo",
    "planted": "Planted",
}
_BACKBONES = {"widedeep": "Wide&Deep", "deepfm": "DeepFM"}


def dataset_name(name: str) -> str:
    """Return what a data set is called."""
    return _DATASETS.get(name, name)


def backbone_name(name: str) -> str:
    """Return what a backbone is called."""
    return _BACKBONES.get(name, name)
