"""A small report: the same text, tables and figures as Markdown and as one HTML file."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.page import page, picture
from benchmarks.tables import Table
from fer_core.files import write_atomically


@dataclass(frozen=True)
class Heading:
    """A second-level heading."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure that lies in the report's folder, and what it shows in words."""

    name: str
    alt: str


@dataclass
class Document:
    """A report.

    Attributes
    ----------
    title : str
    blocks : list of str, Heading, Table or Picture
        Plain strings are paragraphs.
    """

    title: str
    blocks: list[str | Heading | Table | Picture] = field(default_factory=list)

    def add(self, *blocks: str | Heading | Table | Picture) -> None:
        """Append blocks."""
        self.blocks.extend(blocks)

    def markdown(self) -> str:
        """Return the report as GitHub's Markdown."""
        texts = [f"# {self.title}"]
        for block in self.blocks:
            if isinstance(block, Table):
                texts.append(block.markdown())
            elif isinstance(block, Heading):
                texts.append(f"## {block.text}")
            elif isinstance(block, Picture):
                texts.append(f"![{block.alt}]({block.name})")
            else:
                texts.append(block)
        return "\n\n".join(texts) + "\n"

    def html(self, folder: Path) -> str:
        """Return the report as one HTML file with the figures of `folder` inside."""
        parts = [f"<h1>{html.escape(self.title)}</h1>"]
        for block in self.blocks:
            if isinstance(block, Table):
                parts.append(block.html())
            elif isinstance(block, Heading):
                parts.append(f"<h2>{html.escape(block.text)}</h2>")
            elif isinstance(block, Picture):
                parts.append(picture(folder / block.name, block.alt))
            else:
                parts.append(f"<p>{html.escape(block)}</p>")
        return page(self.title, "\n".join(parts))


def write_document(
    folder: Path, stem: str, document: Document, content: Mapping[str, Any]
) -> Sequence[Path]:
    """Write ``stem.json`` (`content`), ``stem.md`` and ``stem.html``; return the three paths."""
    written = []
    for suffix, text in (
        (".json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"),
        (".md", document.markdown()),
        (".html", document.html(folder)),
    ):
        path = folder / f"{stem}{suffix}"
        with write_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(path)
    return written
