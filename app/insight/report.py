"""A report as headings, sentences and tables, and the three ways to write one down.

Labels in it were chosen by agents, so each writer makes them harmless in its own language.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.tags import clean_label


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; `level` 1 is the report's own."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences, each on a line of its own."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. All columns but the first hold figures and are aligned right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


type Block = Heading | Sentences | Grid
type Writer = Callable[[Sequence[Block]], str]

_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1d1d1f; background: #fff; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { padding: 0.25rem 0.75rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #1c1c1e; }
  th, td { border-color: #444; }
}
"""


def as_text(blocks: Sequence[Block]) -> str:
    """For a terminal or a mail."""
    return "\n\n".join(_text(block) for block in blocks) + "\n"


def as_markdown(blocks: Sequence[Block]) -> str:
    """Markdown with tables."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def as_html(blocks: Sequence[Block]) -> str:
    """One page that needs nothing else: no script, no picture, nothing from anywhere."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Report")
    body = "\n".join(_html(block) for block in blocks)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(clean_label(title))}</title>\n<style>{_STYLE}</style>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _text(block: Block) -> str:
    match block:
        case Heading(text, level):
            said = _clean(text)
            return f"{said}\n{('=' if level == 1 else '-') * len(said)}"
        case Sentences(lines):
            return "\n".join(_clean(line) for line in lines)
        case Grid(headers, rows):
            cells = [[_clean(cell) for cell in row] for row in (headers, *rows)]
            widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
            return "\n".join(_aligned(row, widths) for row in cells)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join((first, *rest)).rstrip()


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_escaped(text)}"
        case Sentences(lines):
            return "\n".join(f"- {_escaped(line)}" for line in lines)
        case Grid(headers, rows):
            rule = "|".join(("---", *("---:" for _ in headers[1:])))
            told = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (headers, *rows)]
            return "\n".join((told[0], f"|{rule}|", *told[1:]))


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_entities(text)}</h{level}>"
        case Sentences(lines):
            return "\n".join(f"<p>{_entities(line)}</p>" for line in lines)
        case Grid(headers, rows):
            head = "".join(f"<th>{_entities(cell)}</th>" for cell in headers)
            body = "\n".join(f"<tr>{''.join(f'<td>{_entities(cell)}</td>' for cell in row)}</tr>" for row in rows)
            return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _clean(text: str) -> str:
    return clean_label(text, max_length=1_000)


def _escaped(text: str) -> str:
    return _MARKDOWN_SIGNS.sub(r"\\\1", _clean(text))


def _entities(text: str) -> str:
    return html.escape(_clean(text))
