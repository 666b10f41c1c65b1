"""Hooks of the site's builder: documents and pictures that lie beside `docs/` become part of the site.

In the repository a document links to its neighbours as they lie there, so that it reads well without the site, too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
LINK = re.compile(r"(\]\()(?:\.\./|docs/)([^)]+\))")
"""A link out of `docs/`, or into it from the root: on the site both lie in one place."""


def on_files(files: Any, config: Any) -> Any:
    """Add the documents at the root and the pictures to the files of the site."""
    pictures = [f"assets/screenshots/{path.name}" for path in (ROOT / "assets" / "screenshots").iterdir()]
    for name in (*PAGES, *pictures):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead the links of a document to where things lie on the site."""
    return LINK.sub(r"\1\2", markdown)
