"""What tests of the written report share."""

import html
import json
import shutil
import subprocess
from functools import partial

import pandas as pd
import pytest

from aesbench.plugins.exhibit import Exhibit, Figure, Table
from aesbench.report.evidence import gather

NASTY = "a_b<c>&d%e|f{g}"


@pytest.fixture
def records(make_record, failed):
    """Four seeds of four methods on a relative of the paper's data, one of which failed once."""
    scores = {"ues:32": 0.80, "ues:16": 0.801, "mde:value": 0.79, "adass:e": 0.81}
    made = [
        make_record(label, seed, auc=auc + seed * 1e-3 + (seed % 2) * auc * 1e-4, dataset="ml100k")
        for label, auc in scores.items()
        for seed in range(4)
    ]
    return [*made[:-1], failed("adass:e", 3, dataset="ml100k")]


@pytest.fixture
def evidence(records):
    """The evidence of these records."""
    return gather(records)


def _line(figure, last):
    figure.subplots().plot([0, last], [0, last])


@pytest.fixture
def nasty():
    """An exhibit whose every text would break a page or a table."""
    table = Table(
        "one",
        NASTY,
        NASTY,
        pd.DataFrame({NASTY: [NASTY], "x": [0.5]}),
        texts={"x": [NASTY]},
        bold={"x": [True]},
    )
    figure = Figure("two", NASTY, NASTY, f'"{NASTY}"', table, partial(_line, last=1))
    return Exhibit("three", NASTY, NASTY, (NASTY,), (table,), (figure,), (NASTY,))


@pytest.fixture
def ask(tmp_path):
    """Opens a page in a headless Chromium: a function of a page and a script's expression.

    It returns the expression's value, in a window of a width, by day or by night. The page stands
    in a frame, since no window is narrower than 500 px.
    """
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        pytest.skip("no Chromium to open the page in: apt-get install chromium")

    def found(text, expression, width=1200, is_dark=False):
        probe = f"<script>parent.document.title = JSON.stringify({expression});</script>"
        page = json.dumps(text.replace("</body>", probe + "</body>")).replace("</", "<\\/")
        (tmp_path / "frame.html").write_text(
            f'<iframe width="{width}" height="800" style="border: 0"></iframe>'
            f"<script>document.querySelector('iframe').srcdoc = {page};</script>"
        )
        done = subprocess.run(
            [
                *(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync", "--window-size=1300,900"),
                f"--blink-settings=preferredColorScheme={0 if is_dark else 1}",
                f"--user-data-dir={tmp_path / 'chromium'}",
                *("--virtual-time-budget=10000", "--dump-dom"),
                (tmp_path / "frame.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        title = done.stdout.partition("<title>")[2].partition("</title>")[0]
        assert title, "the page has a script that fails"
        return json.loads(html.unescape(title))

    return found
