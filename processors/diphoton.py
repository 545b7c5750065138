"""The coffea processor of the search: it composes kinematics, selection and histograms.

It keeps nothing but immutable settings; `process` is a function of the events it is given, so any
chunking, order or executor gives the same sums.

**Blinding happens here**, in the data path: of a sample that is not declared simulation (in the
metadata: ``kind``), events inside the mass window are dropped before anything is filled, unless the
settings say that the data are unblinded. What is not filled cannot leak.

It runs under a bare coffea `Runner` as well, over chunks of either kind; without ``kind`` in
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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from coffea.processor import ProcessorABC

from processors import histograms
from processors.histograms import Binning, Counts
from processors.kinematics import PHOTON_COLUMNS, QUANTITIES, PhotonPair
from processors.pairs import pair_columns
from processors.requirements import Requirements, choose
from processors.score import NOWHERE, Categories, ScoreTable, category_index
from processors.selection import Interval, Mask, Selection, all_but_one

Columns = Mapping[str, npt.NDArray[np.generic]]
Odd = npt.NDArray[np.integer[Any]]
Looked = tuple[npt.NDArray[np.intp], Columns, Mapping[str, npt.ArrayLike]]
"""Indices of events in their sample; their columns; and, for each step before the selection, how
many more there are in the window and outside."""
BLOCK_EVENTS = 1 << 16
"""Filled at a time: what is computed of so many events stays in the processor's cache."""


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
    score: ScoreTable | None = None
    """divides what is selected into categories; None: there is one"""
    required: Requirements = field(default_factory=Requirements)
    """what is looked at, before the selection"""

    def needed(self) -> tuple[str, ...]:
        """Return the columns that have to be read."""
        required = self.required.columns if self.required else ()
        return tuple(dict.fromkeys((*self.filled(), *required)))

    def divided(self, *, blind: bool) -> bool:
        """Return whether events in the window are told from others: that takes all masses."""
        return self.histograms == "all" or blind

    def filled(self) -> tuple[str, ...]:
        """Return the columns of the pair and the event that histograms and categories need."""
        names = [*PHOTON_COLUMNS, *self.selection.cuts]
        if self.score is not None:
            names += self.score.columns
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
            With the flat columns, or with lists of ``photons``: of these the two of largest pT are
            the pair. ``events.metadata`` holds ``dataset`` and, from the manifest, ``kind`` and
            ``first_entry`` (index in the sample of the file's first event).
        """
        settings, metadata = self.settings, events.metadata
        simulated = metadata.get("kind", "data") != "data"
        blind = not simulated and not settings.unblinded
        rows, columns, beside = self._looked_at(events, divided=settings.divided(blind=blind))
        filling = Filling(settings, blind=blind, simulated=simulated, steps=tuple(beside))
        filling.add_beside(np.array([*beside.values()], np.int64))
        odd = rows & 1
        for start in range(0, len(odd), BLOCK_EVENTS):
            some = slice(start, start + BLOCK_EVENTS)
            filling.add({name: values[some] for name, values in columns.items()}, odd[some])
        return {metadata["dataset"]: filling.histograms()}

    def _looked_at(self, events: Any, *, divided: bool) -> Looked:
        """Return what is filled, and who is lost before."""
        settings, names, metadata = self.settings, self.settings.filled(), events.metadata
        first = metadata.get("first_entry", 0) + metadata.get("entrystart", 0)
        if settings.required:
            window = settings.window if divided else None
            found = choose(events, settings.required, names, window)
            steps = zip(settings.required.steps, found.flow - found.flow[-1], strict=True)
            return first + found.rows, found.columns, dict(steps)
        if "photons" in events.fields:
            paired, columns = pair_columns(events, names)
            beside = {"all events": (0, int(np.sum(~paired))), "two photons": (0, 0)}
            return first + np.flatnonzero(paired), columns, beside
        columns = {name: np.asarray(events[name]) for name in names}
        return np.arange(first, first + len(events)), columns, {"all events": (0, 0)}

    def postprocess(self, accumulator: Any) -> None:
        """Do nothing: what follows works on merged histograms, in another room."""


def photon_pair(columns: Columns) -> PhotonPair:
    """Return the kinematics of the stored photons."""
    return PhotonPair(*(columns[name] for name in PHOTON_COLUMNS))


def quantities(pair: PhotonPair) -> dict[str, npt.NDArray[np.float64]]:
    """Return the mass and what else is histogrammed of a pair (`histograms.KINEMATICS`)."""
    return {name: getattr(pair, attribute) for name, attribute in QUANTITIES.items()}


class Filling:
    """The histograms of one chunk of a sample, filled block by block.

    Parameters
    ----------
    settings : Settings
    blind : bool
        Whether events inside the window are dropped before anything is filled.
    simulated : bool
        Whether a score is that of the half that has not seen the event.
    steps : sequence of str
        Of the cutflow before the selection; whoever is filled has passed them all.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        blind: bool,
        simulated: bool = True,
        steps: Sequence[str] = ("all events",),
    ) -> None:
        self._settings, self._blind, self._simulated = settings, blind, simulated
        self._full = settings.histograms == "all"
        # Whoever wants the spectrum only, and may see all of it, is spared the mass of the events
        # that are not selected; these cannot be told apart by region then.
        divided = settings.divided(blind=blind)
        self._regions = histograms.REGIONS if divided else histograms.UNDIVIDED
        score = settings.score
        cuts = (*settings.selection.steps(), *(score.step if score else ()))
        # Where nothing is cut, all is the same after as before, and is filled once.
        self._uncut = not cuts
        self._uncut_steps = len(steps)
        self._flow = histograms.cutflow((*steps, *cuts), self._regions)
        self._spectrum = histograms.spectrum(settings.mass, *([score.names] if score else []))
        # Numbers fill faster than names: events of categories are counted here first.
        numbers = histograms.integer("category", len(score.names) if score else 1)
        self._by_number = histograms.counts(numbers, settings.mass.axis())
        self._joint = histograms.joint(settings.cut_variables if self._full else ())
        self._named = self._declared() if self._full else {}

    def _declared(self) -> dict[str, Counts]:
        """Return the empty histograms of every quantity."""
        settings, cuts = self._settings, self._settings.selection.cuts
        axes = {
            b.name: b.axis() for b in (*settings.columns, *histograms.KINEMATICS, settings.mass)
        }
        named = [*(("before", name) for name in axes), *(("after", name) for name in axes)]
        named += [("n_minus_1", column.name) for column in settings.columns if column.name in cuts]
        return {f"{when}/{name}": histograms.counts(axes[name]) for when, name in named}

    def add_beside(self, counts: npt.NDArray[np.int64]) -> None:
        """Count events that are not filled.

        Parameters
        ----------
        counts : ndarray, shape (steps, 2)
            How many more there are at each step in the window and outside; those in it are left out
            if it is blind.
        """
        window, outside = counts.T
        if self._regions == histograms.UNDIVIDED:
            self._flow.view()[: self._uncut_steps, 0] += window + outside
        else:
            self._flow.view()[: self._uncut_steps] += np.stack(
                [0 * window if self._blind else window, outside], axis=1
            )

    def add(self, columns: Columns, odd: Odd) -> None:
        """Fill some events.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            At least `Settings.needed`.
        odd : ndarray of int, shape (n,)
            Whether their index in the sample is odd, 0 or 1: the halves are held apart.
        """
        if self._regions == histograms.UNDIVIDED:
            self._add_selected(columns, odd)
            return
        pair = photon_pair(columns)
        in_window = self._settings.window.contains(pair.mass)
        if self._blind:
            seen = np.flatnonzero(~in_window)
            columns = {name: values[seen] for name, values in columns.items()}
            odd, in_window, pair = odd[seen], in_window[seen], photon_pair(columns)
        categories = self._categories(columns, odd)
        masks = self._masks(columns, categories)
        selected = self._add_to_flow(masks, in_window, ~in_window)
        self._add_to_spectrum(pair.mass[selected], categories, selected)
        if self._full:
            self._add_to_quantities({**columns, **quantities(pair)}, masks, selected)
            self._add_to_joint(columns, odd, in_window)

    def _categories(self, columns: Columns, odd: Odd) -> Categories | None:
        """Return the category of every event, None without a score."""
        score = self._settings.score
        if score is None:
            return None
        return category_index(score, columns, odd, simulated=self._simulated)

    def _masks(self, columns: Columns, categories: Categories | None) -> dict[str, Mask]:
        """Return the mask of each step of the selection."""
        masks = self._settings.selection.masks(columns)
        if categories is not None and self._settings.score and self._settings.score.step:
            masks["score"] = categories != NOWHERE
        return masks

    def _add_to_spectrum(
        self,
        mass: npt.NDArray[np.float64],
        categories: Categories | None,
        selected: npt.NDArray[np.intp],
    ) -> None:
        if categories is None:
            histograms.fill(self._spectrum, "all", mass)
        else:
            histograms.fill(self._by_number, categories[selected], mass)

    def _add_selected(self, columns: Columns, odd: Odd) -> None:
        """Fill the spectrum and the cutflow, with the mass of selected events only."""
        everywhere = np.ones(len(odd), np.bool_)
        categories = self._categories(columns, odd)
        masks = self._masks(columns, categories)
        selected = self._add_to_flow(masks, everywhere)
        photons = {name: columns[name][selected] for name in PHOTON_COLUMNS}
        self._add_to_spectrum(photon_pair(photons).mass, categories, selected)

    def _add_to_flow(self, masks: Mapping[str, Mask], *regions: Mask) -> npt.NDArray[np.intp]:
        """Count the steps of the selection; return the indices of what it selects."""
        selected = np.ones(len(regions[0]), np.bool_)
        view = self._flow.view()
        view[: self._uncut_steps] += [np.count_nonzero(region) for region in regions]
        for step, mask in enumerate(masks.values(), start=self._uncut_steps):
            selected &= mask
            view[step] += [np.count_nonzero(selected & region) for region in regions]
        # Indices instead of the mask: taking by them is faster, for what is selected is little.
        return np.flatnonzero(selected)

    def _add_to_quantities(
        self, values: Columns, masks: Mapping[str, Mask], selected: npt.NDArray[np.intp]
    ) -> None:
        rows = {
            f"n_minus_1/{cut}": np.flatnonzero(mask) for cut, mask in all_but_one(masks).items()
        }
        for name, histogram in self._named.items():
            when, _, quantity = name.partition("/")
            if when == "after" and self._uncut:
                continue
            taken = values[quantity]
            if when != "before":
                taken = taken[selected if when == "after" else rows[name]]
            histograms.fill(histogram, taken)

    def _add_to_joint(self, columns: Columns, odd: Odd, in_window: Mask) -> None:
        region = np.where(in_window, *map(histograms.REGIONS.index, ("window", "sideband")))
        cuts = (columns[cut.name] for cut in self._settings.cut_variables)
        histograms.fill(self._joint, odd, region, *cuts)

    def histograms(self) -> dict[str, Counts]:
        """Return everything by name, as `processors.histograms` lists it."""
        if self._uncut:
            for name, histogram in self._named.items():
                when, _, quantity = name.partition("/")
                if when == "after":
                    histogram.view(flow=True)[...] = self._named[f"before/{quantity}"].view(
                        flow=True
                    )
        if self._settings.score is not None:
            self._spectrum.view(flow=True)[: len(self._settings.score.names)] = (
                self._by_number.view(flow=True)
            )
        joint = {"joint": self._joint} if self._full else {}
        return {"spectrum": self._spectrum, "cutflow": self._flow, **self._named, **joint}
