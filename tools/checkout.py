"""Where the project lies, and which settings file is meant by a name."""

from importlib.resources import files as package_files
from pathlib import Path

from tools.errors import InputError


def find_settings(name: str) -> Path:
    """Return a settings file, looked for from the current folder and then from the checkout.

    Raises
    ------
    InputError
        If it is in neither.
    """
    given = Path(name)
    for candidate in (given, checkout() / given):
        if candidate.is_file():
            return candidate
    raise InputError(
        f"{name} is neither in {Path.cwd()} nor in {checkout()}; name an existing file"
    )


def checkout() -> Path:
    """Return the folder that holds `tools/`, `datasets/` and the rest."""
    return Path(str(package_files("tools"))).parent
