from html.parser import HTMLParser

from app.insight.report import Grid, Heading, Sentences, as_html, as_markdown, as_text

HOSTILE = "<script>alert(1)</script> | **x** `y` \x1b[31m\n# z & \u202e&lt;"
BLOCKS = (
    Heading("Week 2026-W47", 1),
    Sentences(("One.", HOSTILE)),
    Grid(("Agent", "Cost"), (("claude", "$1.50"), (HOSTILE, "$12.00"))),
)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name in ("src", "href", "onload") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_holds_labels_as_words_and_loads_nothing() -> None:
    page = Page()
    page.feed(as_html(BLOCKS))
    assert "script" not in page.tags
    assert page.words.count("<script>alert(1)</script> | **x** `y` [31m # z & &lt;") == 2
    assert page.tags.count("tr") == 3


def test_markdown_keeps_its_table_whatever_a_label_holds() -> None:
    lines = as_markdown(BLOCKS).splitlines()
    assert lines[0] == "# Week 2026-W47"
    row = next(line for line in lines if line.endswith("| $12.00 |"))
    assert row.replace("\\|", "").count("|") == 3
    assert "\\<script\\>" in row
    assert "|---|---:|" in lines


def test_text_is_aligned_and_free_of_control_signs() -> None:
    text = as_text(BLOCKS)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len({len(line) for line in text.splitlines() if line.endswith(("$1.50", "$12.00"))}) == 1
