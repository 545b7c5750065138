"""Requirements of the search file against the columns of the chunks, before the first event."""

from collections.abc import Mapping

from analysis.settings.user_expression import user_expression
from processors.expressions import Quantity, always
from processors.requirements import Requirements, column_of, quantities
from tools.errors import InputError
from tools.executors.work import is_list
from tools.manifest import Manifest, SampleChunks

_BOOL = "bool"
"""NumPy's name of flags"""


def check_requirements(required: Requirements, manifest: Manifest) -> None:
    """Refuse requirements of what the chunks do not have, or that require nothing.

    Parameters
    ----------
    required : Requirements
    manifest : Manifest

    Raises
    ------
    InputError
        Naming table, entry and place, and the sample whose chunks do not fit.
    """
    if not required:
        return
    for name, chunks in manifest.samples.items():
        photons, events = quantities(flat_quantities(manifest, chunks))
        told = f"{chunks.layout or 'flat'} chunks of {name}"
        user_expression(
            required.order, photons, f"[photons], order, on {told}", wanted="number",
            per_photon=True,
        )  # fmt: skip
        _check(required.photons, photons, "photons", told)
        _check(required.events, events, "events", told)


def _check(texts: tuple[str, ...], columns: Mapping[str, Quantity], table: str, told: str) -> None:
    for number, text in enumerate(texts, start=1):
        where = f"[{table}], require {number}, on {told}"
        answer = always(
            user_expression(text, columns, where, wanted="truth", per_photon=table == "photons")
        )
        if answer is not None:
            what = "true: it requires nothing" if answer else "false: nothing would be left"
            raise InputError(
                f"{where}: {text!r} is always {what}; to leave out a range, write "
                "`not 1.37 <= abs(eta) < 1.52`"
            )


def flat_quantities(manifest: Manifest, chunks: SampleChunks) -> dict[str, Quantity]:
    """Return what the flat columns of a sample's events are; of lists those of both photons."""
    if not chunks.stored:
        return {column.name: Quantity.number(column.unit) for column in manifest.columns}
    found: dict[str, Quantity] = {}
    for each in chunks.stored:
        quantity = Quantity(truth=True) if each.type == _BOOL else Quantity.number(each.unit)
        attribute = each.name.partition(".")[2]
        names = [f"photon{number}_{column_of(attribute)}" for number in (1, 2)]
        found |= dict.fromkeys(names if is_list(each.name) else [each.name], quantity)
    return found
