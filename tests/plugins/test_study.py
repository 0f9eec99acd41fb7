"""The contract of studies."""

from aesbench.plugins.paper import Place
from aesbench.plugins.study import reproduce_commands


def test_a_study_is_made_again_by_a_command_per_backbone():
    """Each place once, in the order given, own data left out; a name with a space is one word."""
    wide = Place("my data", "widedeep")
    assert reproduce_commands(
        "fig4", [wide, Place("my data", "deepfm"), wide, Place("", "deepfm")]
    ) == [
        "aesbench reproduce fig4 --dataset 'my data' --backbones widedeep",
        "aesbench reproduce fig4 --dataset 'my data' --backbones deepfm",
    ]
