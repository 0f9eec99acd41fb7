"""What only reads records starts in a moment, and works where torch is missing."""

import subprocess
import sys

import pytest

from aesbench.core.record import write_record

RUN = """
import sys
from aesbench.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
loaded = {"torch", "fvcore", "optuna"} & sys.modules.keys()
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


@pytest.mark.parametrize(
    "words",
    ["report", "report --run ID", "list runs", "merge results --into merged"],
)
def test_commands_that_read_records_do_not_load_torch(words, make_record, tmp_path):
    """Each in a process of its own, on a folder with one record."""
    record = make_record()
    write_record(tmp_path / "results", record)
    arguments = words.replace("ID", record.spec.run_id[:8]).split()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = {"list": "0.7500", "merge": "1 records copied"}.get(arguments[0], "ues:32")
    assert shown in done.stdout
