"""What MkDocs does for `make site` besides rendering docs/: it adds pages from elsewhere, and mends links.

Pages of docs/ link to other files of the repository in the way that works in a checkout. Here such a link
leads to the page that the site makes of the file. A file without a page is only named.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

#: Where the documentation of the crate is, which `scripts/site` has made, and where it is in the site.
CRATE = ROOT / "target" / "site-crate" / "doc"
CRATE_IN_SITE = "crate"
CRATE_INDEX = "deferrous/index.html"

#: Files outside of docs/ that are pages of the site, by the name of the page.
PAGES = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "crate-benchmarks.md": "crates/deferrous/benches/README.md",
}

#: Where links to files lead that are no pages themselves.
TARGETS = {
    **{source: page for page, source in PAGES.items()},
    "README.md": "index.md",
    "benchmarks": "benchmarks.md",
    "crates/deferrous/benches": "crate-benchmarks.md",
    "crates/deferrous/src/lib.rs": f"{CRATE_IN_SITE}/{CRATE_INDEX}",
}

#: A link or a picture, with its label and its target; and a fenced block, whose links are none.
LINK = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`\]\([^)\s]+\)|(?<=\])\([^)\s]+\)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?P<image>!?)\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/, and the first one of the crate, so that links to it are known."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    first = CRATE / CRATE_INDEX
    files.append(File.generated(config, f"{CRATE_IN_SITE}/{CRATE_INDEX}", abs_src_path=str(first)))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Copy the documentation of the crate, which is no work of MkDocs, into the site."""
    shutil.copytree(CRATE, Path(config.site_dir) / CRATE_IN_SITE, dirs_exist_ok=True)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have the links of a page lead to pages of the site."""
    here = page.file.src_uri
    source = PAGES.get(here, f"docs/{here}")

    def replaced(found: re.Match[str]) -> str:
        target, _, anchor = found["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        there = TARGETS.get(file) or file.removeprefix("docs/")
        if there == file and not file.startswith("docs/"):
            return found[0] if files.get_file_from_path(target) else found["label"]
        link = posixpath.relpath(there, posixpath.dirname(here) or ".")
        return f"{found['image']}[{found['label']}]({link}{'#' if anchor else ''}{anchor})"

    parts = FENCE.split(markdown)
    return "".join(part if FENCE.match(part) else LINK.sub(replaced, part) for part in parts)
