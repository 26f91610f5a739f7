"""The check of the built site notices what readers would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.site import problems

PAGE = '<html><head>{head}</head><body><h2 id="place">Here</h2>{body}</body></html>'


def site(folder: Path, *, head: str = "", body: str = "", style: str = "") -> list[str]:
    """Make a site of two pages and a style sheet, and return what is wrong with it."""
    (folder / "how-to").mkdir()
    (folder / "index.html").write_text(PAGE.format(head=head, body=body))
    (folder / "how-to" / "other.html").write_text(
        PAGE.format(head="", body='<a href="../index.html">back</a>')
    )
    (folder / "site.css").write_text(style)
    return problems(folder)


@pytest.mark.parametrize(
    "link",
    [
        "how-to/other.html",
        "how-to/other.html#place",
        "#place",
        "https://twisted.org",
        "site.css",
        "mailto:x@example.org",
    ],
)
def test_a_link_that_leads_somewhere_is_no_problem(tmp_path: Path, link: str) -> None:
    assert site(tmp_path, body=f'<a href="{link}">there</a>') == []


@pytest.mark.parametrize(
    "link", ["how-to/missing.html", "how-to/other.html#nowhere", "#nowhere", "../above.html"]
)
def test_a_link_to_nothing_is_a_problem(tmp_path: Path, link: str) -> None:
    assert site(tmp_path, body=f'<a href="{link}">there</a>') == [
        f"index.html links to {link}, which is not there"
    ]


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://elsewhere.example/x.js"></script>',
        '<link rel="stylesheet" href="https://elsewhere.example/x.js">',
        '<img src="//elsewhere.example/x.js">',
    ],
)
def test_a_page_that_loads_something_from_elsewhere_is_a_problem(tmp_path: Path, element: str) -> None:
    (problem,) = site(tmp_path, head=element)
    assert "elsewhere.example/x.js from elsewhere" in problem


def test_a_style_that_loads_a_font_from_elsewhere_is_a_problem(tmp_path: Path) -> None:
    style = "@font-face { src: url('https://elsewhere.example/font.woff2'); } p { background: url(data:x) }"
    assert site(tmp_path, style=style) == [
        "site.css loads https://elsewhere.example/font.woff2 from elsewhere"
    ]
