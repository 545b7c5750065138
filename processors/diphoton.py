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

from processors import histograms, kinematics
from processors.histograms import Binning, Counts
from processors.selection import Interval, Mask, Selection, all_but_one

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
        odd = (first + np.arange(len(events))) % 2
        mass = diphoton_mass(columns)
        if metadata.get("kind", "data") == "data" and not self.settings.unblinded:
            seen = ~self.settings.window.contains(mass)
            columns = {name: values[seen] for name, values in columns.items()}
            odd, mass = odd[seen], mass[seen]
        return {metadata["dataset"]: fill(self.settings, columns, mass, odd)}

    def postprocess(self, accumulator: Any) -> None:
        """Do nothing: what follows works on merged histograms, in another room."""


def diphoton_mass(columns: Columns) -> npt.NDArray[np.float64]:
    """Return m_yy in GeV, in float64, from the stored columns."""
    deta = kinematics.delta(columns["photon1_eta"], columns["photon2_eta"])
    dphi = kinematics.delta(columns["photon1_phi"], columns["photon2_phi"])
    return kinematics.mass(columns["photon1_pT"], columns["photon2_pT"], deta, dphi)


def pair_kinematics(
    columns: Columns, mass: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the quantities of `histograms.KINEMATICS`, by name."""
    pt1, pt2 = columns["photon1_pT"], columns["photon2_pT"]
    deta = kinematics.delta(columns["photon1_eta"], columns["photon2_eta"])
    dphi = kinematics.delta_phi(columns["photon1_phi"], columns["photon2_phi"])
    pt_pair = kinematics.pair_pt(pt1, pt2, dphi)
    return {
        "pT_yy": pt_pair,
        "delta_eta": deta,
        "delta_phi": dphi,
        "delta_R": kinematics.delta_r(deta, dphi),
        "cos_theta_star": kinematics.cos_theta_star(pt1, pt2, deta, mass, pt_pair),
    }


def fill(
    settings: Settings,
    columns: Columns,
    mass: npt.NDArray[np.float64],
    odd: npt.NDArray[np.integer[Any]],
) -> dict[str, Counts]:
    """Return all histograms of some events.

    Parameters
    ----------
    settings : Settings
    columns : mapping of str to ndarray, shape (n,)
        At least `Settings.needed`.
    mass : ndarray, shape (n,)
        m_yy, GeV.
    odd : ndarray of int, shape (n,)
        0 or 1: the half of the sample that each event belongs to.
    """
    masks = settings.selection.masks(columns)
    selected = np.ones(len(mass), np.bool_)
    in_window = settings.window.contains(mass)
    flow = histograms.cutflow(("all events", *settings.selection.steps()))
    flow.view()[0] = _by_region(selected, in_window)
    for step, mask in enumerate(masks.values(), start=1):
        selected &= mask
        flow.view()[step] = _by_region(selected, in_window)
    spectrum = histograms.spectrum(settings.mass)
    spectrum.fill("all", mass[selected])
    filled = {"spectrum": spectrum, "cutflow": flow}
    if settings.histograms == "all":
        filled |= _column_histograms(settings, columns, mass, selected, masks)
        filled["joint"] = _joint(settings, columns, odd, in_window)
    return filled


def _by_region(selected: Mask, in_window: Mask) -> tuple[int, int]:
    inside = int(np.count_nonzero(selected & in_window))
    return inside, int(np.count_nonzero(selected)) - inside


def _joint(
    settings: Settings, columns: Columns, odd: npt.NDArray[np.integer[Any]], in_window: Mask
) -> Counts:
    joint = histograms.joint(settings.cut_variables)
    for region, inside in zip(histograms.REGIONS, (in_window, ~in_window), strict=True):
        cut_variables = (columns[binning.name][inside] for binning in settings.cut_variables)
        joint.fill(odd[inside], region, *cut_variables)
    return joint


def _column_histograms(
    settings: Settings,
    columns: Columns,
    mass: npt.NDArray[np.float64],
    selected: Mask,
    masks: Mapping[str, Mask],
) -> dict[str, Counts]:
    quantities = {**columns, **pair_kinematics(columns, mass), "m_yy": mass}
    filled = {}
    for binning in (*settings.columns, *histograms.KINEMATICS, settings.mass):
        values = quantities[binning.name]
        filled[f"before/{binning.name}"] = histograms.counts(binning.axis()).fill(values)
        filled[f"after/{binning.name}"] = histograms.counts(binning.axis()).fill(values[selected])
    others = all_but_one(masks)
    for binning in settings.columns:
        if binning.name in others:
            values = columns[binning.name][others[binning.name]]
            filled[f"n_minus_1/{binning.name}"] = histograms.counts(binning.axis()).fill(values)
    return filled
