"""What a folder is made from: ``run.json``, with the settings files, the chunks and the command.

Whoever works on the folder later need not name them again. They stand under ``provenance``, as they
are paths; what tells one analysis from another (`Identity`) stands beside it.
"""

import contextlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.folder.folder import LEDGER, Folder, Project
from analysis.results.codec import to_json
from analysis.results.ledger import Identity, ProcessedFrom, RunFrom
from tools import sources
from tools.errors import InputError
from tools.manifest import MANIFEST_NAME, Manifest, SampleChunks, read_manifest

RUN = Identity.FILE


@dataclass(frozen=True, slots=True)
class Origin:
    """What a folder is made from."""

    identity: Identity
    made: RunFrom

    @property
    def by_hand(self) -> bool:
        """Whether it was made step by step, and not by `xyy run`."""
        return self.made.directory is None

    def manifest(self) -> Manifest:
        """Return the chunks of all samples.

        Raises
        ------
        InputError
            If they are no longer there.
        """
        read = sources.merged([read_manifest(path) for path in self.made.manifests])
        return read.only(list(self.made.content))

    def observed(self) -> Iterator[tuple[Path, dict[str, SampleChunks]]]:
        """Yield every folder of chunks that has observed events, with these, by sample."""
        for place in self.made.manifests:
            with contextlib.suppress(InputError):  # it is no longer there
                samples = read_manifest(place).samples
                if data := {n: chunks for n, chunks in samples.items() if chunks.kind == "data"}:
                    yield place, data

    def with_settings_of(self, project: Project, method: str | None = None) -> "Origin":
        """Return the same, made with the settings files of a project."""
        made = replace(
            self.made,
            samples_file=project.catalogue.path,
            search_file=project.search.path,
            method=method or self.made.method,
        )
        return replace(self, made=made)

    def write(self, folder: Folder) -> None:
        """Write ``run.json``; paths are those of today's place."""
        made = replace(
            self.made,
            samples_file=self.made.samples_file.resolve(),
            search_file=self.made.search_file.resolve(),
            manifests=tuple(path.resolve() for path in self.made.manifests),
        )
        folder.save(self.identity, **to_json(made))


def identity_of(folder: Folder) -> Identity | None:
    """Return which analysis a folder holds, or None if it says nothing that can be read."""
    with contextlib.suppress(InputError):
        return folder.load_if_there(Identity)
    return None


def origin_of(folder: Folder) -> Origin | None:
    """Return what a folder is made from, or None if it says nothing that can be read."""
    identity = identity_of(folder)
    with contextlib.suppress(InputError):
        made = folder.made_with(RUN, RunFrom)
        if identity is not None and made is not None:
            return Origin(identity, made)
    return None


def refuse_other_events(folder: Folder, content: Mapping[str, str], *, unblinded: bool) -> None:
    """Refuse other events than those that an unblinded folder, or one of `xyy run`, is made from.

    Raises
    ------
    InputError
        Naming the folder.
    """
    there = origin_of(folder)
    known = content if there is None else there.made.content
    if there is None and (processed := folder.made_with(LEDGER, ProcessedFrom)) is not None:
        known = processed.content
    by_hand = there is None or there.by_hand
    if holds(known, content) or (by_hand and not unblinded):
        return
    how = "was unblinded with" if unblinded else "was made by `xyy run` from"
    remedy = "" if by_hand else ", or give --force to replace it"
    raise InputError(f"{folder.path} {how} other events than these; choose another --out{remedy}")


def holds(known: Mapping[str, str], content: Mapping[str, str]) -> bool:
    """Return whether samples of this content are among known ones."""
    return all(known.get(name) == digest for name, digest in content.items())


def remember_chunks(project: Project, manifests: Sequence[Path], chunks: Manifest) -> None:
    """Write ``run.json`` for a folder that is processed step by step.

    Where the folder was made from these and others, they stay: a part was processed again.
    """
    folder, catalogue, search = project
    there, content = origin_of(folder), contents(chunks)
    if there is None or not holds(there.made.content, content):
        identity = Identity(catalogue.name, _label(chunks), tuple(chunks.generated))
        there = Origin(identity, RunFrom(
            samples_file=catalogue.path, search_file=search.path, method=None,
            manifests=tuple(manifests), content=content, command=None, directory=None,
        ))  # fmt: skip
    there.with_settings_of(project).write(folder)


def remember_settings(project: Project, method: str | None = None) -> None:
    """Write with which settings files a folder is made from now on, and by which method."""
    if (there := origin_of(project.folder)) is not None:
        there.with_settings_of(project, method).write(project.folder)


def contents(manifest: Manifest) -> dict[str, str]:
    """Return the digest of the events of each sample."""
    return {name: chunks.content for name, chunks in manifest.samples.items()}


def _label(manifest: Manifest) -> str | None:
    """Return a short name of the observed events."""
    for name, chunks in manifest.samples.items():
        if chunks.kind == "data":
            return Path(chunks.sources[0].name).stem if chunks.sources else name
    return None


def manifest_of(path: Path) -> Manifest:
    """Return the chunks that a manifest names, or all those that a results folder is made from.

    Raises
    ------
    InputError
        If there are none, or they are no longer there.
    """
    # A folder that holds chunks and results is taken for chunks: its manifest is named.
    origin = origin_of(Folder(path)) if is_results(path) else None
    return read_manifest(path) if origin is None else origin.manifest()


def is_results(path: Path) -> bool:
    """Return whether a path is a results folder, and not one of chunks."""
    return (path / RUN).is_file() and not (path / MANIFEST_NAME).is_file()


def run_again(folder: Folder, *more: str) -> str | None:
    """Return the command line that brings a folder up to date, or None if no `xyy run` made it."""
    origin = origin_of(folder)
    if origin is None or origin.made.command is None:
        return None
    words, place = ["xyy", "run", *origin.made.command, "--out"], origin.made.directory
    if place == Path.cwd():
        return shlex.join([*words, str(folder.path), *more])
    line = shlex.join([*words, str(folder.path.resolve()), *more])
    return f"cd {shlex.quote(str(place))} && {line}"


def again(folder: Folder, stage: str) -> str:
    """Return what to type for a stage of a folder that is out of date."""
    return run_again(folder) or f"xyy {stage} {shlex.quote(str(folder.path))}"
