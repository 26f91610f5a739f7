"""Check a built site: every link leads to something, and no page loads anything from elsewhere.

`make site` runs it as `python -m tests.docs.site FOLDER`, in an environment without what tests depend on.
MkDocs checks links between its own pages. This also checks those into the documentation of the crate, those
of the theme and of generated pages, and what pages load.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes by which a page makes the browser load something, by element.
LOADS = {
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "object": "data",
    "script": "src",
    "source": "src",
}
#: Relations of `<link>` that load nothing.
LINKS_ONLY = {"canonical", "next", "prev", "alternate"}
#: What a style sheet loads.
URL = re.compile(r"url\(\s*['\"]?(?!data:)([^'\")]+)|@import\s+['\"]([^'\"]+)")
#: A folder of which only the pages' links into it are checked: rustdoc has checked its own.
CRATE = "crate"


class Page(HTMLParser):
    """What a page links to and loads, and the names of its places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        found = {name: value for name, value in attrs if value is not None}
        self.places.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADS and LOADS[tag] in found:
            self.loads.append(found[LOADS[tag]])
        if tag == "link" and "href" in found and found.get("rel") not in LINKS_ONLY:
            self.loads.append(found["href"])


def problems(site: Path) -> list[str]:
    """Say what is wrong with a site.

    Args:
        site: its folder.

    Returns:
        a sentence for each problem.
    """
    paths = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != CRATE]
    pages = {path: Page(path.read_text("utf-8")) for path in paths}
    found = []
    for path, page in pages.items():
        # The page of errors is shown at any address, so its links begin with a slash.
        if path.name == "404.html":
            continue
        name = path.relative_to(site)
        found += [f"{name} loads {load} from elsewhere" for load in page.loads if _is_elsewhere(load)]
        inside = [link for link in (*page.links, *page.loads) if not _is_elsewhere(link)]
        found += [
            f"{name} links to {link}, which is not there" for link in inside if not _leads(path, link, pages)
        ]
    for path in sorted(site.rglob("*.css")):
        urls = [first or second for first, second in URL.findall(path.read_text("utf-8"))]
        found += [
            f"{path.relative_to(site)} loads {url} from elsewhere" for url in urls if _is_elsewhere(url)
        ]
    return found


def _is_elsewhere(link: str) -> bool:
    parts = urlsplit(link)
    return bool(parts.scheme or parts.netloc) and parts.scheme != "data"


def _leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    """Say whether a link of the page at `path` leads to a file, and to a place in it if it names one."""
    parts = urlsplit(link)
    if parts.scheme == "data":
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    place = unquote(parts.fragment)
    if not place or target.suffix != ".html" or place == "__skip":
        return True
    page = pages.get(target) or Page(target.read_text("utf-8"))
    return place in page.places


def main(folder: str) -> int:
    """Print what is wrong with the site in a folder, and return the exit status."""
    found = problems(Path(folder).resolve())
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
