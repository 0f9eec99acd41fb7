"""Sizes given by hand: an allocation that is known already, retrained like any other.

For whoever has sizes from elsewhere (a paper, a table, another tool), and for the stand-alone runs
that the AdaS&S paper's Table 4 compares a supernet with. It searches nothing and trains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aesbench import Allocation, Context, Field, Method
from aesbench.core.settings import require, require_int
from aesbench.errors import ConfigError


@dataclass(frozen=True)
class FixedConfig:
    """The sizes.

    Attributes:
        dims: one per field, in the data set's order (``aesbench data info``); 0 leaves a field
            without an embedding. A single one is for all fields.
    """

    dims: tuple[int, ...] = (32,)

    def __post_init__(self) -> None:
        require(len(self.dims) > 0, "fixed.dims", self.dims, "one size per field, as in 2,8,16")
        for dim in self.dims:
            require_int(dim, "a size of fixed.dims", 0)


class Fixed(Method):
    """Sizes given by hand: ``fixed:2-8-16``, or ``--set fixed.dims=2,8,16``.

    It takes no budget: its sizes are its definition.
    """

    name = "fixed"
    title = "Fixed sizes"
    family = "given"
    trains = False
    drops_fields = True  # Candidates are nothing to it.
    Config = FixedConfig
    supports_histories = True

    @classmethod
    def preset(cls, text: str) -> Mapping[str, Any]:
        """Return the settings of ``fixed:text``, sizes joined by hyphens; empty is the default.

        Raises:
            ConfigError: the text is no list of sizes.
        """
        if not text:
            return {}
        is_list = re.fullmatch("[0-9]+(-[0-9]+)*", text, re.ASCII) is not None
        require(is_list, "preset of 'fixed'", text, "one size per field, as in fixed:2-8-16")
        return {"dims": tuple(map(int, text.split("-")))}

    @classmethod
    def title_of(cls, preset: str) -> str:
        """Return the sizes as the command line names them: they are the method."""
        return f"{cls.name}:{preset}" if preset else cls.title

    def given(self, fields: Sequence[Field]) -> Allocation:
        """Return the given sizes.

        Raises:
            ConfigError: there are not as many sizes as fields.
        """
        dims = self.config.dims
        if len(dims) == 1:
            return Allocation.uniform(fields, dims[0])
        if len(dims) != len(fields):
            names = ", ".join(field.name for field in fields)
            raise ConfigError(
                f"fixed.dims has {len(dims)} sizes ({', '.join(map(str, dims))}): expected one for"
                f" each of the {len(fields)} fields, in this order: {names}"
            )
        return Allocation.field_wise(fields, dims)

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return the given sizes.

        Raises:
            ConfigError: there are not as many sizes as fields.
        """
        return self.given(context.fields)
