"""JSON of computed values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any) -> str:
    """Write one line of valid JSON: numbers that are not finite become null.

    >>> to_json({"loss": float("nan"), "range": range(2)})
    '{"loss": null, "range": [0, 1]}'
    """
    return json.dumps(to_plain_types(value), allow_nan=False)


def to_plain_types(value: Any) -> Any:
    """Return a value in the types of JSON; numbers that are not finite become None."""
    if hasattr(value, "tolist"):  # numpy and torch
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): to_plain_types(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [to_plain_types(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
