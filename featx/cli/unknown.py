"""Which images a command calls unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featx.cli.fields import option

if TYPE_CHECKING:
    from featx.model import Model
    from featx.prediction import Limits


@dataclass(frozen=True, kw_only=True)
class UnknownOptions:
    """Options of a command that may call images unknown."""

    reject: float | None = option(
        None,
        "Call images 'unknown', the least clear ones first, until at most this share of "
        "the others is named wrongly, as far as images held out can tell; such as 0.05.",
        metavar="RATE",
    )
    unlike: float | None = option(
        None,
        "Call images 'unknown' that are more unlike the training images than all but this "
        "share of these are unlike the others; such as 0.01.",
        metavar="SHARE",
    )

    def limits(self, model: Model) -> Limits:
        """Choose limits for a model; see `Limits.of`."""
        from featx.prediction import Limits

        return Limits.of(model, self.reject, self.unlike)
