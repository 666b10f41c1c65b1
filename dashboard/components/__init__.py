"""Small browser components without a framework: each is one script and one style sheet."""

from pathlib import Path

FOLDER = Path(__file__).parent
