"""The workflows cannot run here. The targets of make that they call can; `make lint` checks the syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deferrous import _versions

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

#: What a step may run besides make: what has to be on the machine before, and publishing itself.
OTHER = re.compile(r"rustup |cargo install |cargo publish |rm target/wheels/")


def jobs() -> Iterator[object]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            yield pytest.param(job, id=f"{path.stem}-{name}")


every_job = pytest.mark.parametrize("job", list(jobs()))


@every_job
def test_each_step_calls_a_target_of_make(job: dict[str, Any]) -> None:
    for step in job.get("steps", []):
        command = step.get("run", "make help")
        target = re.match(r"make (\w+)", command)
        assert target is not None or OTHER.match(command), command
        assert target is None or target[1] in TARGETS, command


@every_job
def test_each_job_has_the_least_permissions(job: dict[str, Any]) -> None:
    allowed = {"contents": "read", "id-token": "write", "attestations": "write", "pages": "write"}
    assert job["permissions"].items() <= allowed.items()
    for step in job.get("steps", []):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_only_the_release_and_the_documentation_may_publish() -> None:
    may = {path.stem for path in WORKFLOWS if "id-token" in path.read_text("utf-8")}
    assert may == {"docs", "release"}


def test_actions_are_pinned_by_their_hash() -> None:
    unpinned = {
        used
        for path in WORKFLOWS
        for used in re.findall(r"uses: (\S+)", path.read_text("utf-8"))
        if not re.search(r"@[0-9a-f]{40}$", used) and not used.startswith("./")
    }
    assert unpinned == {"pypa/gh-action-pypi-publish@release/v1"}


def test_all_supported_pythons_and_the_oldest_twisted_are_tested() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    matrix = yaml.safe_load(text)["jobs"]["pythons"]["strategy"]["matrix"]["python"]
    first, last = _versions.FIRST_PYTHON, _versions.LAST_PYTHON
    assert matrix == [f"3.{minor}" for minor in range(first[1], last[1] + 1)]
    assert 'twisted: "{}.{}.0"'.format(*_versions.FIRST_TWISTED) in text
    wheels = (ROOT / "scripts" / "wheels").read_text("utf-8")
    assert f"VERSIONS:-{' '.join(matrix)}}}" in wheels


def test_the_bug_form_asks_for_deferrous_check() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8"))
    (asked,) = [part for part in form["body"] if part.get("id") == "check"]
    assert "deferrous check" in asked["attributes"]["label"] and asked["validations"]["required"] is True
