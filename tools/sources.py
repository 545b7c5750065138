"""From samples to chunks: the user's files where there are any, generated events where not.

Chunks lie in a folder of their own, shared by all runs and keyed by what they are made from:
``<chunks>/<sample>-<key>/``. A second run over the same files finds them there; a changed file gets
another folder. They never lie in a results folder: converted data hold the blinded window.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.code import code_digest
from tools.convert import convert
from tools.digests import digest_text
from tools.duplicates import refuse_repeated
from tools.errors import InputError
from tools.event_files import check_columns
from tools.generate import generate_sample
from tools.locks import one_writer
from tools.manifest import MANIFEST_NAME, Manifest, read_manifest
from tools.names import listed
from tools.pool import cores
from tools.remote import located
from tools.sample_chunks import chunks_key
from tools.samples import Catalogue, Sample
from tools.tables import is_generated
from tools.universe import generate_universe

if TYPE_CHECKING:
    from tools.executors import Session

_GENERATING = (
    "tools.chunks", "tools.generate", "tools.landau", "tools.recipe", "tools.universe",
)  # fmt: skip
"""what decides on generated events"""
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Called with what is being done and how many events there are to do, if that is known; gives a
context whose value takes the number of events done so far."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Where the observed events come from: files, or a universe; neither: there are none."""

    files: tuple[Path, ...] = ()
    universe: int | None = None

    @property
    def label(self) -> str | None:
        """A short name for folders and titles, or None where there are no data."""
        if self.universe is not None:
            return f"universe_{self.universe}"
        return self.files[0].stem if self.files else None


def find_files(catalogue: Catalogue, sample: Sample) -> tuple[Path, ...]:
    """Return a simulated sample's source files: in ``./datasets``, else beside the catalogue."""
    for folder in (Path("datasets"), catalogue.path.parent):
        found = sorted({path for pattern in sample.files for path in folder.glob(pattern)})
        if found:
            return tuple(found)
    return ()


def simulation_files(
    catalogue: Catalogue, *, generate_missing: bool
) -> dict[str, tuple[Path, ...]]:
    """Return the source files of every simulated sample; an empty tuple means: to be generated.

    Raises
    ------
    InputError
        If some samples have files and others not, unless `generate_missing`: a half-real simulation
        is seldom what was meant.
    """
    found = {sample.name: find_files(catalogue, sample) for sample in catalogue.simulation}
    missing = [name for name, files in found.items() if not files]
    if missing and len(missing) < len(found) and not generate_missing:
        there = listed(path for files in found.values() for path in files)
        raise InputError(
            f"files of some samples are missing: {listed(missing)} (there: {there}); "
            f"put theirs beside them, or generate them with --generate-missing"
        )
    return found


def generated_samples(files: Mapping[str, Sequence[Path]]) -> list[str]:
    """Return the samples that are not real: to be generated, or files that were."""
    return [name for name, paths in files.items() if not paths or is_generated(paths[0])]


def simulation_chunks(
    catalogue: Catalogue,
    files: Mapping[str, Sequence[Path]],
    chunks: Path,
    *,
    seed: int,
    progress: Progress,
    log: Callable[[str], None],
    workers: int | None = None,
) -> Manifest:
    """Return one manifest of the chunks of every simulated sample, made where they are missing.

    Large samples, and those of several files, are made by `workers` processes; all cores unless
    given. Where another run makes
    the same chunks, it is waited for, and that is told by `log`.
    """
    manifests = []
    for name, sources in files.items():
        sample = catalogue.samples[name]
        if sources:
            manifests.append(_converted(catalogue, name, sources, chunks, progress, log, workers))
            continue
        _refuse_no_source(catalogue, sample)
        folder = chunks / f"{name}-{_generated_key(catalogue, name, seed)}"
        with one_writer(folder, waiting=log):
            if not (folder / MANIFEST_NAME).is_file():
                with progress(f"generating {name}", sample.events) as report:
                    generate_sample(
                        catalogue,
                        name,
                        folder,
                        seed=seed,
                        file_format="root",
                        progress=report,
                        workers=workers,
                    )
        manifests.append(read_manifest(folder))
    simulation = merged(manifests)
    refuse_repeated(simulation.samples)
    return simulation


def _refuse_no_source(catalogue: Catalogue, sample: Sample) -> None:
    """Refuse a sample that has no file and cannot be generated."""
    try:
        check_columns(catalogue)
    except InputError as error:
        raise InputError(
            f"{sample.name} has no file ({listed(sample.files)} beside {catalogue.path} or in "
            f"./datasets), and it cannot be generated: {error}"
        ) from None


def observed_chunks(
    catalogue: Catalogue,
    observed: Observed,
    chunks: Path,
    *,
    seed: int,
    progress: Progress,
    log: Callable[[str], None],
    workers: int | None = None,
) -> Manifest | None:
    """Return the manifest of the observed events' chunks, or None where there are none.

    A large universe is made by `workers` processes; all cores unless given. Another run is waited
    for as in `simulation_chunks`.
    """
    if observed.files:
        name = catalogue.observed().name
        return _converted(catalogue, name, observed.files, chunks, progress, log, workers)
    if observed.universe is None:
        return None
    name = f"universe_{observed.universe}"
    folder = chunks / f"{name}-{_generated_key(catalogue, name, seed)}"
    with one_writer(folder, waiting=log):
        if not (folder / MANIFEST_NAME).is_file():
            with progress(f"generating {name}", None) as report:
                generate_universe(
                    catalogue,
                    observed.universe,
                    folder,
                    seed=seed,
                    file_format="root",
                    progress=report,
                    workers=workers,
                )
    return read_manifest(folder)


def _generated_key(catalogue: Catalogue, name: str, seed: int) -> str:
    """Return the digest of all that generated events depend on."""
    settings = (catalogue.simulation, catalogue.data_luminosity_invpb, catalogue.columns)
    code = code_digest(*_GENERATING)
    return digest_text(name, str(seed), repr(settings), code)[:16]


def _converted(
    catalogue: Catalogue,
    name: str,
    sources: Sequence[Path],
    chunks: Path,
    progress: Progress,
    log: Callable[[str], None],
    workers: int | None,
) -> Manifest:
    def start() -> "Session":
        from tools.executors import Execution, Session

        return Session(Execution(engine="futures", workers=workers or cores()), log)

    folder = chunks / f"{name}-{chunks_key(catalogue, catalogue.sample(name), sources)[:16]}"
    with one_writer(folder, waiting=log):
        if not (folder / MANIFEST_NAME).is_file():
            with progress(f"converting {name}", None) as report:
                inputs = [(name, path) for path in sources]
                convert(catalogue, inputs, folder, start=start, progress=report, log=log)
    return read_manifest(folder)


def stored(manifest: Manifest) -> dict[str, str]:
    """Return name and stored type of every column."""
    return {column.name: column.type for column in manifest.columns}


def merged(manifests: Sequence[Manifest]) -> Manifest:
    """Return one manifest of the samples of several, with absolute paths.

    Raises
    ------
    InputError
        If they do not declare the same columns.
    """
    first = manifests[0]
    samples = {}
    for manifest in manifests:
        if stored(manifest) != stored(first):
            raise InputError(
                f"{manifest.folder} and {first.folder} have other columns; convert again"
            )
        for name, chunks in manifest.samples.items():
            parts = (
                replace(part, path=located(manifest.folder, part.path)) for part in chunks.parts
            )
            samples[name] = replace(chunks, parts=tuple(parts))
    return Manifest(folder=Path("/"), columns=first.columns, samples=samples)
