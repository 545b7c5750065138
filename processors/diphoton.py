"""The coffea processor of the search: it composes kinematics, selection and histograms.

It keeps nothing but immutable settings; `process` is a function of the events it is given, so any
chunking, order or executor gives the same sums.

**Blinding happens here**, in the data path: of a sample that is not declared simulation (in the
metadata: ``kind``), events inside the mass window are dropped before anything is filled, unless the
settings say that the data are unblinded. What is not filled cannot leak.

It runs under a bare coffea `Runner` as well, over files with the flat columns; without ``kind`` in
the metadata a dataset counts as data, and is blinded:

>>> import contextlib, io, pathlib, tempfile, uproot
>>> from coffea.processor import IterativeExecutor, Runner
>>> from processors.schema import DiphotonSchema
>>> columns = {"photon1_pT": [250.0, 50.0], "photon2_pT": [250.0, 50.0], "photon1_eta": [0.0, 0.0],
...            "photon2_eta": [0.0, 0.0], "photon1_phi": [0.0, 0.0], "photon2_phi": [np.pi, np.pi]}
>>> settings = Settings(columns=(Binning("photon1_pT", 10, 0, 1000, "GeV"),),
...                     mass=Binning("m_yy", 300, 0, 3000, "GeV"), window=Interval(400, 1100))
>>> with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
...     path = str(pathlib.Path(folder, "events.root"))
...     with uproot.recreate(path) as file:
...         _ = file.mktree("Events", {name: "float32" for name in columns}).extend(columns)
...     run = Runner(IterativeExecutor(status=False), schema=DiphotonSchema)
...     blind = run({"mine": [path]}, DiphotonProcessor(settings), treename="Events")
...     fileset = {"simulated": {"files": [path], "metadata": {"kind": "background"}}}
...     seen = run(fileset, DiphotonProcessor(settings), treename="Events")
>>> int(blind["mine"]["spectrum"].sum()), int(seen["simulated"]["spectrum"].sum())
(1, 2)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC

from processors import histograms
from processors.histograms import Binning, Counts
from processors.kinematics import PhotonPair
from processors.selection import Interval, Mask, Selection, outcomes

Columns = Mapping[str, npt.NDArray[np.generic]]
PHOTON_COLUMNS = tuple(f"photon{i}_{name}" for name in ("pT", "eta", "phi") for i in (1, 2))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what the processor fills."""

    columns: tuple[Binning, ...]
    """the columns to histogram"""
    mass: Binning
    """the fine binning of m_yy"""
    window: Interval
    """where the signal may be, GeV; closed in blinded data"""
    cut_variables: tuple[Binning, ...] = ()
    """axes of the joint histogram"""
    selection: Selection = field(default_factory=lambda: Selection({}))
    unblinded: bool = False
    """whether data are filled inside the window"""
    histograms: Literal["all", "spectrum"] = "all"
    """``spectrum``: the selected spectrum and the cutflow only"""

    def needed(self) -> tuple[str, ...]:
        """Return the columns that have to be read."""
        names = [*PHOTON_COLUMNS, *self.selection.cuts]
        if self.histograms == "all":
            names += [binning.name for binning in (*self.columns, *self.cut_variables)]
        return tuple(dict.fromkeys(names))


class DiphotonProcessor(ProcessorABC):  # type: ignore[misc] # coffea is untyped
    """Fill the histograms of `processors.histograms` for one chunk of one sample.

    Parameters
    ----------
    settings : Settings
        Kept as it is; the processor has no other state.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def process(self, events: Any) -> dict[str, dict[str, Counts]]:
        """Return ``{dataset: {histogram name: histogram}}`` of the chunk.

        Parameters
        ----------
        events : NanoEvents
            With the flat columns; ``events.metadata`` holds ``dataset`` and, from the manifest,
            ``kind`` and ``first_entry`` (index in the sample of the file's first event).
        """
        metadata = events.metadata
        columns = {name: np.asarray(events[name]) for name in self.settings.needed()}
        first = metadata.get("first_entry", 0) + metadata.get("entrystart", 0)
        odd = np.arange(first, first + len(events)) & 1
        pair = photon_pair(columns)
        if metadata.get("kind", "data") == "data" and not self.settings.unblinded:
            seen = np.flatnonzero(~self.settings.window.contains(pair.mass))
            columns = {name: values[seen] for name, values in columns.items()}
            odd, pair = odd[seen], photon_pair(columns)
        return {metadata["dataset"]: fill(self.settings, columns, pair, odd)}

    def postprocess(self, accumulator: Any) -> None:
        """Do nothing: what follows works on merged histograms, in another room."""


def photon_pair(columns: Columns) -> PhotonPair:
    """Return the kinematics of the stored photons."""
    return PhotonPair(*(columns[name] for name in PHOTON_COLUMNS))


def fill(
    settings: Settings, columns: Columns, pair: PhotonPair, odd: npt.NDArray[np.integer[Any]]
) -> dict[str, Counts]:
    """Return all histograms of some events.

    Parameters
    ----------
    settings : Settings
    columns : mapping of str to ndarray, shape (n,)
        At least `Settings.needed`.
    pair : PhotonPair
        Of the same events.
    odd : ndarray of int, shape (n,)
        0 or 1: the half of the sample that each event belongs to.
    """
    masks = settings.selection.masks(columns)
    in_window = settings.window.contains(pair.mass)
    selected = np.ones(len(in_window), np.bool_)
    flow = histograms.cutflow(("all events", *settings.selection.steps()))
    flow.view()[0] = _by_region(selected, in_window)
    for step, mask in enumerate(masks.values(), start=1):
        selected &= mask
        flow.view()[step] = _by_region(selected, in_window)
    spectrum = histograms.spectrum(settings.mass)
    spectrum.fill("all", pair.mass[np.flatnonzero(selected)])
    filled = {"spectrum": spectrum, "cutflow": flow}
    if settings.histograms == "all":
        filled |= _column_histograms(settings, columns, pair, masks)
        filled["joint"] = _joint(settings, columns, odd, in_window)
    return filled


def _by_region(selected: Mask, in_window: Mask) -> tuple[int, int]:
    inside = int(np.count_nonzero(selected & in_window))
    return inside, int(np.count_nonzero(selected)) - inside


def _joint(
    settings: Settings, columns: Columns, odd: npt.NDArray[np.integer[Any]], in_window: Mask
) -> Counts:
    joint = histograms.joint(settings.cut_variables)
    region = np.where(in_window, *map(histograms.REGIONS.index, ("window", "sideband")))
    return joint.fill(odd, region, *(columns[cut.name] for cut in settings.cut_variables))


def _column_histograms(
    settings: Settings, columns: Columns, pair: PhotonPair, masks: Mapping[str, Mask]
) -> dict[str, Counts]:
    """Return every quantity before and after the cuts, and a cut's own after all the others."""
    quantities = {
        **columns,
        "pT_yy": pair.pt,
        "delta_eta": pair.delta_eta,
        "delta_phi": pair.delta_phi,
        "delta_R": pair.delta_r,
        "cos_theta_star": pair.cos_theta_star,
        "m_yy": pair.mass,
    }
    outcome = outcomes(masks, len(pair.mass))
    cuts = list(masks)
    filled = {}
    for binning in (*settings.columns, *histograms.KINEMATICS, settings.mass):
        # All three by one fill: it costs little more than one of them.
        both = histograms.counts(histograms.integer("outcome", len(cuts) + 2), binning.axis())
        by_outcome = both.fill(outcome, quantities[binning.name]).view(flow=True)
        wanted = {"before": by_outcome.sum(axis=0), "after": by_outcome[0]}
        if binning.name in cuts:
            wanted["n_minus_1"] = by_outcome[0] + by_outcome[1 + cuts.index(binning.name)]
        for when, bins in wanted.items():
            histogram = histograms.counts(binning.axis())
            histogram.view(flow=True)[...] = bins
            filled[f"{when}/{binning.name}"] = histogram
    return filled
