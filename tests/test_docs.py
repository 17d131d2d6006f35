"""What the documents promise: links that lead somewhere, commands that exist, pages up to date."""

import re
from pathlib import Path

import pytest

from scripts import answers_doc
from wizard.arguments import parser
from wizard.core.errors import UsageError

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text().replace("\n", " "))
    missing = [
        link
        for link in links
        if "://" not in link and not (page.parent / link.replace(" ", "")).exists()
    ]
    assert missing == []


def test_the_page_of_answers_is_what_the_questions_say() -> None:
    assert answers_doc.PAGE.read_text() == answers_doc.page(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_one(page: Path) -> None:
    shown = re.findall(r"^    pomcert-wizard(.*?)(?:   |$)", page.read_text(), re.MULTILINE)
    for line in shown:
        try:
            parser().parse_args(line.partition("#")[0].split())
        except UsageError as error:
            pytest.fail(f"{line}: {error.summary}")


def test_every_target_of_make_that_a_page_names_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        word
        for page in PAGES
        for word in re.findall(r"(?:`|^ +)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert "demo" in named
    assert named <= targets
