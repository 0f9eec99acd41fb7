"""What the tests of the sources share.

``decoded(dataset, split)`` gives the rows of a split as text; ``served`` is a folder that a local
server offers, ``served.url`` its address.
"""

import http.server
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import pytest


@pytest.fixture(scope="session")
def decoded():
    """Return the function that gives a split's rows as text; null is unseen, "" missing."""

    def rows(dataset, split):
        ids = getattr(dataset, split).ids
        columns = {}
        for number, field in enumerate(dataset.fields):
            values = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")["value"]
            columns[field.name] = values.gather(ids[:, number])
        return pl.DataFrame(columns)

    return rows


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *arguments):
        """Say nothing."""


@dataclass
class Served:
    """A folder and the address under which its files are served."""

    folder: Path
    url: str


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A local server in place of the data sets' owners; it serves an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=folder)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield Served(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()
