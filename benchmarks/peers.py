"""What others have written for the same, where it is there to compare with.

Peers are no dependency: `make bench` installs them, by hand `pip install -c constraints.txt '.[bench]'` does.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module


@cache
def there(module: str) -> bool:
    """Whether a peer's module can be imported; says so, once, if not."""
    try:
        import_module(module)
    except Exception as error:  # what breaks in it is not ours to know
        peer, reason = module.partition(".")[0], str(error).partition("\n")[0] or type(error).__name__
        print(f"({peer} is left out, as it cannot be imported: {reason})", flush=True)
        return False
    return True
