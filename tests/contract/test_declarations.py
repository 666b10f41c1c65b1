"""What every engine declare is what they deliver."""

from dynascope.contract.test_declarations import *  # noqa: F403
