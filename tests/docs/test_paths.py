"""Documents are whole, and what they name is there: links between them, and files in the map of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("protocol/*.md"),
        *ROOT.glob("bench/*.md"),
        *ROOT.glob("bridge_firmware/*.md"),
    ]
)
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)")
FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+(?:/|\.(?:py|md|c|h)))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_marks_of_a_merge_are_left(document: Path) -> None:
    lines = document.read_text().splitlines()
    assert [line for line in lines if line.startswith(("<<<<<<<", ">>>>>>>"))] == []


def test_the_map_of_the_code_names_files_that_are_there() -> None:
    """A path stands whole, or as a name beside one that does in the same line."""
    missing: list[str] = []
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        names = FILE.findall(line)
        whole = [ROOT / name for name in names if (ROOT / name).exists()]
        folders = {ROOT / "protocol", *whole, *(path.parent for path in whole)}
        missing += [
            name for name in names if not any((folder / name).exists() for folder in (ROOT, *folders))
        ]
    assert missing == []
