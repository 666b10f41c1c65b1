"""A check that an engine delivers the channels that it declares: what it does not is a sentence, and never recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import EngineFailure, quote


def check_channels(engine: Engine, values: Any, members: int, thin: bool) -> dict[str, Tensor]:
    """Return what `observe`, or `snapshot` where `thin`, gave of `members` members: each `[B, *dims]`.

    Raises `EngineFailure` for a channel that is missing, not declared or of another shape.
    """
    method = "snapshot" if thin else "observe"
    if not isinstance(values, Mapping):
        raise EngineFailure(f"{engine.title}: {method} gave {quote(values)}, and no channels by name")
    declared = {channel.name: channel for channel in engine.channels if channel.thin is thin}
    for name in declared.keys() ^ values.keys():
        what = "does not give the declared" if name in declared else "gives the undeclared"
        raise EngineFailure(f"{engine.title}: {method} {what} channel {quote(name)}")
    for name, channel in declared.items():
        value = values[name]
        if not isinstance(value, Tensor) or value.is_complex():
            given = str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
            raise EngineFailure(f"{engine.title}: the channel {name} is of type {given}, and no tensor of real numbers")
        if value.dim() != 1 + len(channel.dims) or len(value) != members:
            wanted = ", ".join((str(members), *channel.dims))
            raise EngineFailure(
                f"{engine.title}: the channel {name} has the shape {list(value.shape)}, declared is [{wanted}]"
            )
    return dict(values)
