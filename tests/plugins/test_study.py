"""The contract of studies."""

from aesbench.plugins.study import reproduce_commands


def test_a_study_is_made_again_by_a_command_per_backbone():
    """Each backbone once, in the order given; a name with a space is one word."""
    assert reproduce_commands("fig4", "my data", ["widedeep", "deepfm", "widedeep"]) == [
        "aesbench reproduce fig4 --dataset 'my data' --backbones widedeep",
        "aesbench reproduce fig4 --dataset 'my data' --backbones deepfm",
    ]
