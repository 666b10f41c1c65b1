"""What evolves in every engine does not depend on chunks, on interruptions or on who else is in the batch."""

from dynascope.contract.test_dynamics import *  # noqa: F403
