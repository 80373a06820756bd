"""Where this book's repository is: from _config.yml, or else from the git remote.

Needs PyYAML and, for the second way, git; knows nothing of Sphinx.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml

KNOWN_HOSTS = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "codeberg",
}
# How each kind of host spells the address of a file and of a new issue.
FILE = {
    "github": "{url}/blob/{branch}/{path}",
    "gitlab": "{url}/-/blob/{branch}/{path}",
    "bitbucket": "{url}/src/{branch}/{path}",
    "codeberg": "{url}/src/branch/{branch}/{path}",
}
ISSUE = {
    "github": "{url}/issues/new?title={title}",
    "gitlab": "{url}/-/issues/new?issue[title]={title}",
    "codeberg": "{url}/issues/new?title={title}",
}


@dataclass(frozen=True)
class Repository:
    """A repository on the web: `https://host/owner/name`, its branch, and the kind of host."""

    url: str
    branch: str
    kind: str

    @property
    def slug(self) -> str:
        """`owner/name`."""
        return self.url.split("/", 3)[3]

    def file(self, path: str) -> str | None:
        """Address of the page that shows a file, or None on a host of unknown kind."""
        pattern = FILE.get(self.kind)
        return pattern and pattern.format(url=self.url, branch=self.branch, path=quote(path))

    def issue(self, title: str) -> str | None:
        """Address that opens a new issue, or None where the host has no such address."""
        pattern = ISSUE.get(self.kind)
        return pattern and pattern.format(url=self.url, title=quote(title))

    def colab(self, path: str) -> str | None:
        """Address that opens a notebook in Colab, or None: Colab reads from GitHub only."""
        if self.kind != "github":
            return None
        return (
            f"https://colab.research.google.com/github/{self.slug}/blob/{self.branch}/{quote(path)}"
        )


def parse(remote: str) -> tuple[str, str] | None:
    """Split any spelling of a git address into (`https://host/owner/name`, kind).

    Understands https, ssh and `git@host:owner/name.git`; drops user names, passwords and ports.
    Returns None for a local path and for anything without an owner and a name.
    """
    match = re.fullmatch(
        r"(?:(?:https?|ssh|git)://(?:[^@/]*@)?([^/:]+)(?::\d+)?/|(?:[^@/:]+@)([^/:]+):)(.+)",
        remote.strip(),
    )
    if not match:
        return None
    host = (match[1] or match[2]).lower()
    path = match[3].strip("/").removesuffix(".git").strip("/")
    if "/" not in path:
        return None
    return f"https://{host}/{path}", KNOWN_HOSTS.get(host, "other")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def repository(root: Path) -> Repository | None:
    """The repository of the book whose _config.yml lies in `root`, or None if there is no address.

    `repository.url` and `repository.branch` of _config.yml come first. Else the git remotes of the
    checkout are looked at, `origin` before others, and the first one on a known host is taken. A
    folder that only lies somewhere inside another checkout has no address.
    """
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8")) or {}
    settings = config.get("repository") or {}
    branch = settings.get("branch") or ""
    if settings.get("url"):
        parsed = parse(settings["url"])
        if parsed is None:
            raise ValueError(
                f"_config.yml: repository.url is {settings['url']!r}; "
                "write it as https://host/owner/name, or leave it empty"
            )
        return Repository(parsed[0], branch or "main", parsed[1])

    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return None
    for name in sorted(_git(root, "remote").split(), key=lambda name: (name != "origin", name)):
        parsed = parse(_git(root, "remote", "get-url", name))
        if parsed and parsed[1] != "other":
            head = _git(root, "symbolic-ref", "--short", f"refs/remotes/{name}/HEAD")
            return Repository(
                parsed[0], branch or head.removeprefix(f"{name}/") or "main", parsed[1]
            )
    return None
