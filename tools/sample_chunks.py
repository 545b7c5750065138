"""The files of one sample put together: compared with each other, and what the manifest says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tools.declared import check_same_fields
from tools.digests import digest_file, digest_text
from tools.errors import InputError
from tools.file_conversion import Converted, FileTask, NotConverted, Result
from tools.good_data import read_good_data
from tools.layouts import known_layouts
from tools.manifest import Refused, SampleChunks, Stored
from tools.samples import Catalogue, Column, Sample


def chunks_key(catalogue: Catalogue, sample: Sample, files: Sequence[Path]) -> str:
    """Return a digest of all that the chunks of `sample`, made from `files`, would be.

    It depends on the bytes of the files and their order, on the declared columns, the layouts and
    on what the manifest says about the sample; not on the files' names and places.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digests = []
    for path in files:
        try:
            digests.append(digest_file(path))
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror or error}); get it again"
            ) from None
    content = _content(catalogue.columns, digests)
    layouts = repr(known_layouts(catalogue.layouts, catalogue.path))
    good = "" if sample.good_data is None else repr(read_good_data(sample.good_data))
    about = json.dumps(_about(sample), sort_keys=True)
    return digest_text(sample.name, about, content, layouts, good)


def _content(columns: tuple[Column, ...], digests: Iterable[str], *layouts: str) -> str:
    declared = json.dumps([asdict(column) for column in columns], sort_keys=True)
    return digest_text("xyy-convert-1", declared, *layouts, *digests)


def _about(sample: Sample) -> dict[str, Any]:
    """Return what the manifest says about a sample, apart from its chunks."""
    return {
        "kind": sample.kind,
        "mass_GeV": sample.mass_GeV,
        "cross_section_pb": sample.cross_section_pb,
        "filter_efficiency": sample.filter_efficiency,
    }


def sample_chunks(
    catalogue: Catalogue,
    sample: Sample,
    files: Sequence[tuple[FileTask, Result]],
) -> SampleChunks:
    """Compare the files of a sample with each other, and say what their chunks are together.

    Parameters
    ----------
    catalogue : Catalogue
    sample : Sample
    files : sequence of (FileTask, Converted or NotConverted)
        In their order; those that were refused are left out.

    Returns
    -------
    SampleChunks
        With the paths that the chunks are to have; see `chunk_files`.

    Raises
    ------
    InputError
        If there are no events, or two files are of different kinds.
    """
    good = [(task, each) for task, each in files if isinstance(each, Converted)]
    if not any(each.events for _, each in good):
        raise InputError(_nothing(sample, files))
    stored = _compared(sample, good)
    parts = (part for _, each in good for part in each.parts)
    first, sums = good[0][1], [each.sum_of_weights for _, each in good]
    told = [total for total in sums if total is not None]
    layouts = [repr((good[0][0].layouts, good[0][0].good))] if stored else []
    digests = [each.source.digest for _, each in good]
    return SampleChunks(
        parts=tuple(
            replace(part, path=f"{sample.name}/part-{number:05d}.root")
            for number, part in enumerate(parts)
        ),
        sources=tuple(each.source for _, each in good),
        content=_content(catalogue.columns, digests, *layouts),
        generated=first.generated, layout=first.layout if stored else "", stored=stored,
        refused=tuple(
            Refused(Path(task.file).name, each.reason)
            for task, each in files if isinstance(each, NotConverted)
        ),
        sum_of_weights=sum(told) if len(told) == len(sums) else None,
        **_about(sample),
    )  # fmt: skip


def chunk_files(files: Sequence[tuple[FileTask, Result]]) -> list[Path]:
    """Return where the chunks of the files of a sample are, in the order of `sample_chunks`."""
    good = ((task, each) for task, each in files if isinstance(each, Converted))
    return [task.folder / part.path for task, each in good for part in each.parts]


def _nothing(sample: Sample, files: Sequence[tuple[FileTask, Result]]) -> str:
    """Say why there are no events for a sample."""
    reasons = [each.reason for _, each in files if isinstance(each, NotConverted)]
    names = ", ".join(task.file for task, _ in files)
    told = [*reasons, f"{names}: no events for the sample {sample.name}; name files that have some"]
    return "\n".join(told)


def _compared(sample: Sample, files: Sequence[tuple[FileTask, Converted]]) -> tuple[Stored, ...]:
    """Return the columns that all files with events have; flags alone may be missing in some."""
    (task, first), *others = [(task, each) for task, each in files if each.events]
    common, flags = {each.name: each for each in first.stored}, set(first.flags)
    for other, each in others:
        refuse_mixed(sample.name, (task.file, first.generated), (other.file, each.generated))
        both = f"{task.file} and {other.file}, both of {sample.name}"
        check_same_fields(
            sample.name, Path(task.file), Path(other.file), fields=(first.fields, each.fields)
        )
        flags |= set(each.flags)
        columns = {column.name: column for column in each.stored}
        _refuse_other_columns(both, (task.file, other.file), (common, columns), flags)
        common = {name: column for name, column in common.items() if name in columns}
    return tuple(common.values())


def _refuse_other_columns(
    both: str,
    names: tuple[str, str],
    columns: tuple[Mapping[str, Stored], Mapping[str, Stored]],
    flags: set[str],
) -> None:
    first, second = columns
    for name in sorted((first.keys() ^ second.keys()) - flags):
        has, lacks = names if name in first else names[::-1]
        source = (first.get(name) or second[name]).source
        raise InputError(
            f"{both}: {name} (column {source}) is in {has} and not in {lacks}; make two samples of "
            "them, or describe them in [layouts.NAME] of a samples file without it"
        )
    for name in sorted(first.keys() & second.keys()):
        if first[name].type != second[name].type:
            raise InputError(
                f"{both}: {name} is {first[name].type} and {second[name].type}; write them alike, "
                "or make two samples of them"
            )


def refuse_mixed(sample: str, first: tuple[str, bool], second: tuple[str, bool]) -> None:
    """Refuse generated and real events in one sample: nobody could tell them apart again.

    Parameters
    ----------
    sample : str
    first, second : (str, bool)
        Names of files, and whether their events were generated.

    Raises
    ------
    InputError
        If only one is.
    """
    if first[1] != second[1]:
        made, real = (first, second) if first[1] else (second, first)
        raise InputError(
            f"{made[0]} and {real[0]}, both of {sample}: only the first was generated by xyy; "
            "use one or the other"
        )
