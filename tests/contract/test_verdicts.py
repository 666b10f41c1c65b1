"""Every claim of every engine holds, and a wrong run turns it to no."""

from dynascope.contract.test_verdicts import *  # noqa: F403
