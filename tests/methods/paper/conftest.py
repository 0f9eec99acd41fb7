"""What tests of the paper's exhibits share."""

import pytest


@pytest.fixture
def lines_of():
    """Return the function that gives the rows of a table as ``[{column: value}]``."""
    return lambda table: table.frame.to_dict("records")
