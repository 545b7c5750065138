"""The set-up: `make setup` gives the lock, and our packages come first where they are installed."""

import ast
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
OURS = ("analysis", "processors", "tools")
PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "tools.editable"
backend-path = ["."]
[project]
name = "project"
version = "0"
dependencies = ["core[more]"]
[tool.setuptools]
packages = ["tools"]
"""
LIST = """\
from importlib.metadata import distributions
for each in distributions(): print(each.name, each.version)
"""


def write_wheel(folder: Path, name: str, version: str, *lines: str) -> None:
    """Write a real wheel of one module; `lines` are of its metadata."""
    about = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": "",
        f"{about}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""]
        ),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{about}/RECORD"] = "".join(f"{each},,\n" for each in [*contents, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for each, content in contents.items():
            wheel.writestr(each, content)


def write_setuptools(folder: Path) -> str:
    """Pack the setuptools of this environment into a wheel again; return its version."""
    installed = metadata.distribution("setuptools")
    path = folder / f"setuptools-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in installed.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                wheel.write(str(file.locate()), str(file))
    return installed.version


def write_index(index: Path, wheels: Path) -> None:
    """Write a page of links for each package (PEP 503)."""
    for wheel in wheels.iterdir():
        page = index / wheel.name.split("-")[0] / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as links:
            links.write(f'<a href="{wheel.as_uri()}">{wheel.name}</a>\n')


def without(*prefixes: str) -> dict[str, str]:
    """Return the environment without some variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


@dataclass(frozen=True)
class Project:
    """A small project with our Makefile and build backend, and an index for it."""

    place: Path
    setuptools: str
    """the release of it that the index has"""

    @property
    def folder(self) -> Path:
        """The checkout."""
        return self.place / "project"

    def lock(self, *pins: str) -> dict[str, str]:
        """Write the lock, with what builds the project; return what is to be installed then."""
        lines, pins = [], (*pins, f"setuptools=={self.setuptools}")
        for pin in pins:
            wheel = self.place / "wheels" / f"{pin.replace('==', '-')}-py3-none-any.whl"
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lines.append(f"{pin} \\\n    --hash=sha256:{digest}\n")
        (self.folder / "requirements.lock").write_text("".join(lines))
        return {"project": "0"} | dict(pin.split("==") for pin in pins)

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `make setup`, with no configuration of pip but its index and `environment`."""
        own = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": (self.place / "index").as_uri(),
        }
        environment = without("PIP_", "MAKE", "MFLAGS", "PYTHON") | own | environment
        command = ("make", "setup", *words)
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def run(self, code: str, *, cwd: Path | None = None) -> list[str]:
        """Return the lines that the Python of the environment prints, in another folder."""
        command = (self.folder / ".venv" / "bin" / "python", "-c", code)
        printed = subprocess.check_output(
            command, text=True, cwd=cwd or self.place, env=without("PYTHONPATH")
        )
        return printed.splitlines()

    def installed(self) -> dict[str, str]:
        """Return the versions of the environment's packages; pip is Python's own."""
        versions = dict(line.split() for line in self.run(LIST))
        del versions["pip"]
        return versions


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One whose lock may be older than its index: `core` has an extra, which wants `helper`."""
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    folder, wheels = tmp_path / "project", tmp_path / "wheels"
    (folder / "tools").mkdir(parents=True)
    wheels.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("__init__.py", "editable.py"):
        shutil.copy(ROOT / "tools" / name, folder / "tools")
    (folder / "pyproject.toml").write_text(PROJECT)
    for version in ("1.0", "2.0"):
        write_wheel(wheels, "helper", version)
        write_wheel(wheels, "plugin", version, "Requires-Dist: core[more]>=1.0")
        write_wheel(wheels, "core", version, "Provides-Extra: more",
                    'Requires-Dist: helper>=1.0; extra == "more"')  # fmt: skip
    setuptools = write_setuptools(wheels)
    write_index(tmp_path / "index", wheels)
    return Project(tmp_path, setuptools)


def foreign_packages(folder: Path) -> Path:
    """Make packages with the names of ours that must not be imported; return their folder."""
    for name in OURS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise ImportError('a foreign package')\n")
    return folder


def test_the_lock_is_installed_though_the_index_has_newer_releases(
    project: Project, tmp_path: Path
) -> None:
    wanted = project.lock("core==1.0", "helper==1.0", "plugin==1.0")
    done = project.make()
    assert done.returncode == 0, done.stderr
    assert project.installed() == wanted
    assert "Nothing to be done" in project.make().stdout
    foreign = foreign_packages(tmp_path / "foreign")
    found = project.run("import tools; print(tools.__file__)", cwd=foreign)
    assert found == [f"{project.folder}/tools/__init__.py"]


def test_what_a_user_has_set_for_pip_and_python_changes_nothing(
    project: Project, tmp_path: Path
) -> None:
    wanted = project.lock("core==1.0", "helper==1.0")
    (tmp_path / "constraints.txt").write_text("core>=2.0\n")
    with zipfile.ZipFile(tmp_path / "wheels" / "helper-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path / "elsewhere")
    done = project.make(
        PIP_CONSTRAINT=str(tmp_path / "constraints.txt"),
        PIP_USER="1",
        PYTHONPATH=str(tmp_path / "elsewhere"),
    )
    assert done.returncode == 0, done.stderr
    assert project.installed() == wanted


def test_an_incomplete_lock_is_refused_and_nothing_of_it_stays(project: Project) -> None:
    project.lock("helper==2.0", "plugin==1.0")
    refused = project.make()
    assert refused.returncode == 2
    assert "project 0 requires core, which is not installed" in refused.stdout
    # Activated, and as an interrupt leaves it in the middle of its removal.
    venv = project.folder / ".venv"
    (venv / "pyvenv.cfg").unlink()
    path = f"{venv / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    wanted = project.lock("core==1.0", "helper==1.0")
    assert project.make(PATH=path).returncode == 0
    assert project.installed() == wanted


def another_python() -> Path:
    """Return a Python, of the path or of pyenv, that is not ours and can make environments."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*map(Path, os.environ["PATH"].split(os.pathsep)), *pyenv.glob("versions/*/bin")]
    for path in sorted(path for folder in folders for path in folder.glob("python3.1[1-9]")):
        asked = (path, "-c", "import ensurepip, sys; print(sys.version)")
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if said not in {"", sys.version}:  # pyenv's shims of versions that are not chosen are mute
            return path
    pytest.skip(f"no other Python than {sys.version}")


def test_another_python_makes_the_environment_anew(project: Project) -> None:
    python = another_python()
    wanted = project.lock("core==1.0", "helper==1.0")
    assert project.make().returncode == 0
    assert project.make(f"PYTHON={python}").returncode == 0
    assert project.run("import sys; print(sys.version)")[0] != sys.version.splitlines()[0]
    assert project.installed() == wanted
    assert [path.name for path in (project.folder / ".venv" / "lib").iterdir()] == [python.name]
    for words in ((), (f"PYTHON={python}",)):
        assert "Nothing to be done" in project.make(*words).stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user who has packages with the names of ours."""
    return foreign_packages(tmp_path_factory.mktemp("elsewhere"))


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "analysis.validation", "--help"),
        ("-c", "import analysis.cli, processors.kinematics, tools.pool"),
        ("script.py",),
    ],
)
def test_ours_come_before_those_of_the_current_folder(
    elsewhere: Path, words: tuple[str, ...]
) -> None:
    (elsewhere / "script.py").write_text("import analysis.cli, processors.kinematics, tools.pool\n")
    done = subprocess.run(
        (sys.executable, *words), cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\nIs it installed by `make setup`?"


def test_ours_come_first_in_a_notebook(
    elsewhere: Path, execute: Callable[[Any, Path], None]
) -> None:
    tree = ast.parse((ROOT / "docs" / "course.py").read_text(encoding="utf-8"))
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
    source = "\n".join(map(ast.unparse, imports)) + "\nimport tools\nprint(tools.__file__)"
    assert "from analysis" in source
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    execute(notebook, elsewhere)
    assert notebook.cells[0].outputs[0].text == f"{ROOT}/tools/__init__.py\n"


def test_the_installed_files_are_listed_with_their_checksums() -> None:
    (installed,) = metadata.distributions(name="xyy", path=[sysconfig.get_path("purelib")])
    files = {str(file): file for file in installed.files or []}
    assert {"_xyy_finder.pth", "_xyy_finder.py"} <= files.keys()
    for file in files.values():
        if file.hash:
            digest = hashlib.sha256(file.read_binary()).digest()
            assert file.hash.value == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def locked() -> dict[str, Requirement]:
    """Return what the lock installs here."""
    text = (ROOT / "requirements.lock").read_text()
    pins = [Requirement(line.rstrip(" \\")) for line in text.splitlines() if line[0] != " "]
    return {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate()}


def wanted_by(name: str, extras: set[str]) -> list[Requirement]:
    """Return what an installed package requires here, with some extras."""
    found = []
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found.append(requirement)
    return found


def test_the_lock_holds_what_its_packages_require_and_nothing_else() -> None:
    """As far as this platform goes; `pip check` looks at no extras."""
    pins = locked()
    # The first of a name counts, as for an import: setuptools brings copies of its own.
    found = reversed(list(metadata.distributions()))
    here = {str(canonicalize_name(each.name)): each.version for each in found}
    for name, pin in pins.items():
        if not (name in here and pin.specifier.contains(here[name])):
            pytest.skip(f"not an environment of the lock: {name} {here.get(name)}")
    todo = [("xyy", {"bench", "dev", "notebook"})]
    seen: set[tuple[str, str]] = set()
    while todo:
        package, extras = todo.pop()
        for requirement in wanted_by(package, extras):
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{requirement} of {package}"
            (version,) = pins[name].specifier
            assert requirement.specifier.contains(version.version), f"{requirement} of {package}"
            new = {(name, extra) for extra in ("", *requirement.extras)} - seen
            if new:
                seen |= new
                todo.append((name, requirement.extras))
    assert pins.keys() == {name for name, _ in seen}
