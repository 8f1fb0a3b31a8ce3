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
class Note:
    """A paragraph to mark."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure that lies in the report's folder or below, and what it shows in words."""

    name: str
    alt: str


@dataclass(frozen=True)
class Gallery:
    """Figures beside each other."""

    pictures: tuple[Picture, ...]


#: Plain strings are paragraphs.
Block = str | Heading | Note | Table | Picture | Gallery


@dataclass
class Document:
    """A report.

    Attributes
    ----------
    title : str
    blocks : list of Block
    """

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Append blocks."""
        self.blocks.extend(blocks)

    def markdown(self) -> str:
        """Return the report as GitHub's Markdown."""
        return "\n\n".join([f"# {self.title}", *map(_markdown, self.blocks)]) + "\n"

    def html(self, folder: Path) -> str:
        """Return the report as one HTML file with the figures of `folder` inside."""
        parts = [f"<h1>{html.escape(self.title)}</h1>"]
        parts += [_html(block, folder) for block in self.blocks]
        return page(self.title, "\n".join(parts))

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Write ``stem.md`` and ``stem.html``; return both paths."""
        text, own_page = folder / f"{stem}.md", folder / f"{stem}.html"
        _write(text, self.markdown())
        _write(own_page, self.html(folder))
        return text, own_page


def _markdown(block: Block) -> str:
    if isinstance(block, Table):
        return f"{block.markdown()}\n\n{block.legend()}"
    if isinstance(block, Heading):
        return f"## {block.text}"
    if isinstance(block, Note):
        return f"> {block.text}"
    if isinstance(block, Picture):
        return f"![{block.alt}]({block.name})"
    if isinstance(block, Gallery):
        return "\n\n".join(map(_markdown, block.pictures))
    return block


def _html(block: Block, folder: Path) -> str:
    if isinstance(block, Table):
        return block.html()
    if isinstance(block, Heading):
        return f"<h2>{html.escape(block.text)}</h2>"
    if isinstance(block, Note):
        return f'<p class="note">{html.escape(block.text)}</p>'
    if isinstance(block, Picture):
        return picture(folder / block.name, block.alt)
    if isinstance(block, Gallery):
        inside = "".join(_html(picture, folder) for picture in block.pictures)
        return f'<div class="grid">{inside}</div>'
    return f"<p>{html.escape(block)}</p>"


def write_document(
    folder: Path, stem: str, document: Document, content: Mapping[str, Any]
) -> Sequence[Path]:
    """Write ``stem.json`` (`content`), ``stem.md`` and ``stem.html``; return the three paths."""
    path = folder / f"{stem}.json"
    _write(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    return [path, *document.write(folder, stem)]


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
