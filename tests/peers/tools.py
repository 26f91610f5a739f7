"""The peers, and what has them."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

#: The commands, each with the Debian package that has it.
PACKAGES = {
    "curl": "curl",
    "h2load": "nghttp2-client",
    "lftp": "lftp",
    "nc": "netcat-openbsd",
    "openssl": "openssl",
    "sftp": "openssh-client",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "swaks": "swaks",
    "wrk": "wrk",
}
#: What a peer made of Python needs besides Twisted: the modules, each with the requirement that has it.
REQUIREMENTS = {
    "aiosmtpd": "aiosmtpd",
    "autobahn": "autobahn",
    "bcrypt": "Twisted[conch]",
    "h2": "Twisted[http2]",
    "klein": "klein",
    "treq": "treq",
    "websockets": "websockets",
}


def path_of(command: str) -> str | None:
    """Give the file of a command, or None. Servers are where the paths of many users do not lead."""
    return shutil.which(command, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def missing() -> dict[str, str]:
    """Give the commands that are not on this machine, each with the Debian package that has it."""
    return {command: package for command, package in PACKAGES.items() if path_of(command) is None}


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test, or all of a file, where one of its peers is missing.

    Args:
        names: commands of `PACKAGES` and modules of `REQUIREMENTS`.
    """
    reasons = []
    for name in names:
        if name in PACKAGES and path_of(name) is None:
            reasons.append(f"{name} is missing: Debian has it in the package {PACKAGES[name]}")
        elif name in REQUIREMENTS and importlib.util.find_spec(name) is None:
            reasons.append(f"{name} is missing: `make peers` installs {REQUIREMENTS[name]}")
    return pytest.mark.skipif(bool(reasons), reason="; ".join(reasons))
