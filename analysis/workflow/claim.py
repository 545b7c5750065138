"""The claim: what a group says of its universe, in one file that it hands in.

``claim.json`` is written beside ``verdict.json`` as soon as the data are open, and holds what can
be right or wrong: the decision, mass and cross-section with their intervals, the observed limits
against mass. ``complete`` and ``after_unblinding`` are the caveats. Of which data it
is stands with its provenance: name, size and digest of every file that was converted, so that a
claim on other data is recognised whatever the folder is called.
"""

from analysis.folder.folder import Folder
from analysis.folder.origin import origin_of
from analysis.results.codec import to_json
from analysis.results.freeze import Stamp
from analysis.results.game import Claim, ClaimedLimits, ClaimOrigin
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from tools.manifest import Source


def write_claim(
    folder: Folder, verdict: Verdict, limits: MassLimits, *, stamp: Stamp | None, inputs: str
) -> None:
    """Write ``claim.json``; while the data are blind there is none.

    Parameters
    ----------
    folder : Folder
    verdict : Verdict
    limits : MassLimits
    stamp : Stamp, optional
        What stands on every result after a change.
    inputs : str
        Digest of what the results are made from.
    """
    if verdict.decision is None or limits.observed is None:
        # One of an earlier opening would be handed in as if it were of this verdict.
        (folder.path / Claim.FILE).unlink(missing_ok=True)
        return
    claim = Claim(
        decision=verdict.decision,
        local_z=verdict.local_z,
        global_z=verdict.global_z,
        mass_GeV=verdict.mass_GeV,
        cross_section_pb=verdict.cross_section_pb,
        complete=verdict.complete,
        after_unblinding=None if stamp is None else stamp.after_unblinding,
        changed_after_unblinding=None if stamp is None else stamp.changed_after_unblinding,
        limits=ClaimedLimits(
            confidence_level=limits.confidence_level,
            mass_GeV=limits.mass_GeV,
            observed_pb=limits.observed,
        ),
        provenance=ClaimOrigin(data=_data_files(folder)),
    )
    folder.save(claim, inputs=inputs, **to_json(claim.provenance))


def _data_files(folder: Folder) -> tuple[Source, ...]:
    """Return the files that the observed events were converted from.

    There are none where a universe's data were generated in the run, or where the chunks are gone.
    """
    origin = origin_of(folder)
    if origin is None:
        return ()
    for _, data in origin.observed():
        for name, chunks in data.items():
            if chunks.content == origin.made.content.get(name):
                return chunks.sources
    return ()
