"""What made a product: time, host, versions, commit."""

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "awkward",
    "boost-histogram",
    "coffea",
    "hist",
    "iminuit",
    "numpy",
    "pyhf",
    "scipy",
    "uproot",
)


def provenance(**extra: Any) -> dict[str, Any]:
    """Return what made a product: time, host, versions, commit, and whatever the caller adds."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "versions": dict(_versions()),
        "git_commit": _git_commit(),
        **extra,
    }


# Asked once: a run writes many products, and each answer takes some 10 ms.
@cache
def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("xyy", *_LIBRARIES)}


@cache
def _git_commit() -> str | None:
    """Return the commit of the checkout that this code runs from, or None outside one."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607 - git from the PATH
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
