"""The commands that make records again."""

import pytest

from aesbench.harness.grid import choose_methods
from aesbench.report.page.commands import run_commands

START = "aesbench run --methods"


def test_commands_make_the_same_runs_again(make_record):
    """Methods of the same seeds share a command; budgets, settings and flags have their own."""
    records = [
        *(
            make_record(label, seed, backbone=backbone)
            for label in ("ues:32", "mde:value")
            for seed in range(3)
            for backbone in ("widedeep", "deepfm")
        ),
        make_record("adass:r[lambda_c=0.1,steps=9]+plain@0.5", 4, budget=100),
        make_record("fixed[dims=2,8]", 0),
        make_record("esapn+search-only", 0, retrain=False, search_index=2),
    ]
    assert run_commands(records) == [
        f"{START} mde:value,ues:32 --dataset tiny --backbones deepfm,widedeep --seeds 3",
        f"{START} esapn --dataset tiny --backbones widedeep --seeds 1 --searches 3 --search-only",
        f"{START} adass:r+plain --dataset tiny --backbones widedeep --seeds 4,"
        " --set adass.lambda_c=0.1 --set adass.steps=9 --budget 0.5",
        f"{START} fixed --dataset tiny --backbones widedeep --seeds 1 --set fixed.dims=2,8",
    ]


@pytest.mark.parametrize("label", ["adass[scheme=shared]+20-scores", "autodim+tuned"])
def test_what_no_run_command_makes_is_left_out(make_record, label):
    """Scores of supernets, and settings that were tuned: studies and ``aesbench tune`` do."""
    assert run_commands([make_record(label)]) == []


def test_commands_name_methods_that_the_command_line_reads(records):
    """The labels of records are what ``--methods`` takes."""
    for command in run_commands(records):
        for method in command.split()[3].split(","):
            (choice,) = choose_methods(method)
            assert choice.label == method
