"""Figures drawn by several processes at once, to the same bytes as by one."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver, get_all_start_methods, get_context

from aesbench.plugins.exhibit import Figure
from aesbench.report.draw.figure_files import FILES, draw

Files = dict[str, bytes]
"""{suffix: a drawing}."""

_METHOD = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
"""How processes begin: where that is possible, from one that has loaded what they need."""


@contextmanager
def drawing(
    workers: int, suffixes: Sequence[str] = FILES
) -> Iterator[Callable[[Figure], Callable[[], Files]]]:
    """Give a function that begins to draw a figure and returns one that waits for its files.

    What another process cannot draw, a plugin's figure whose function it cannot find, is drawn in
    this one.
    """
    if workers == 1:
        yield lambda figure: partial(draw, figure, suffixes)
        return
    get_ready()
    # What the processes hold they hold to the end: nothing is gained by looking for garbage.
    with ProcessPoolExecutor(
        workers, mp_context=get_context(_METHOD), initializer=gc.disable
    ) as pool:

        def begin(figure: Figure) -> Callable[[], Files]:
            try:
                packed = pickle.dumps(figure)
            except (pickle.PicklingError, AttributeError, TypeError):
                return partial(draw, figure, suffixes)
            waiting = pool.submit(_draw, packed, suffixes)
            return lambda: waiting.result() or draw(figure, suffixes)

        yield begin


def get_ready() -> None:
    """Begin to load what drawing needs, where another process can do that beside this one."""
    if _METHOD == "forkserver":
        forkserver.set_forkserver_preload(["seaborn", __name__])
        forkserver.ensure_running()


def _draw(packed: bytes, suffixes: Sequence[str]) -> Files | None:
    """Return the drawings of a figure; None where its function is not to be found here."""
    # Unpacked here and not by the pool, which breaks where that fails.
    try:
        figure = pickle.loads(packed)
    except (ImportError, AttributeError):
        return None
    return draw(figure, suffixes)
