"""The toy engine, where `--plugins` finds it."""

from tests.core.toy import ENGINE

__all__ = ["ENGINE"]
