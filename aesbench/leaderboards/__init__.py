"""Published numbers that the harness's backbones are held against."""
