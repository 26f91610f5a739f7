"""The kind of the machine, for the report, without its name."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> dict[str, str | int]:
    """The processor, how many of them this process may use, and the system."""
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        what, _, name = line.partition(":")
        if what.strip() == "model name":
            return name.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(versions: dict[str, str | None], about: dict[str, str | int]) -> tuple[str, str]:
    """Two lines: the versions, and the machine."""
    names = {"deferrous": "deferrous", "twisted": "Twisted"}
    parts = [f"{names[each]} {versions[each]}" for each in names if versions.get(each)]
    parts.append(f"{versions['implementation']} {versions['python']}")
    cores = "1 processor" if about["cores"] == 1 else f"{about['cores']} processors"
    return ", ".join(parts), f"{about['cpu']}, {cores}, {about['system']}"
