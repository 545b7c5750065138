# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is there an X boson? The course, with `xyy`
#
# All tasks, 1.1 to 5.2b, in the order and with the numbers of the course. Each one is done twice
# where that teaches something: by hand with pandas, as in the course, and with the functions that
# the search itself uses. At the end of most tasks an `assert` compares with the number that the
# course gives.
#
# It runs from a fresh clone. Without the course's files it makes samples of its
# own, and says so.
#
# | the course's helper | here |
# |---|---|
# | `add_minv(df)` | `processors.kinematics.PhotonPair(...).mass` |
# | weight by hand, `df["w"]` | `catalogue.weight(sample, rows)`, units included |
# | `plotDistribution` | `analysis.report.plots.columns.unit_area` |
# | `plot_weighted_distribution` | `analysis.report.plots.columns.expected_yields` |
# | `applySelection(df, "n_jets", 5, "<")` | `processors.selection.Interval(max=5)`, `Selection` |
# | `getSensitivity(sig, bkg)` | `figure_of_merit`, `optimise` of `analysis.selection.optimise` |
# | `hp.Expo` | `analysis.statistics.background.families.Function("exp", 1)` |
# | `hp.do_fit(hp.Expo, bins, n)` | `analysis.statistics.background.sidebands.fit_sidebands` |
# | `hp.integral_with_errors` | `.predicted_events`, `.predicted_error_events` of that fit |
# | Z by hand | `analysis.statistics.counting.count.Count`: `.z`, and `.z_course` as in the course |
# | `hp.GausPlusFixedExpo` | `analysis.statistics.resonance.scan.Spectra`, `measurement.measure` |
# | `hp.cls_limit_calculator` | `analysis.statistics.limits.counting_limit.WindowModel` (by pyhf) |
#
# And all of it at once, blinding included, is one command: `xyy run`.

# %%
# %matplotlib inline
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import awkward as ak
import hist
import matplotlib.pyplot as plt
import mplhep
import numpy as np
import pandas as pd
from IPython.display import Image, display

from tools.checkout import checkout
from tools.generate import DEFAULT_SEED, generate_sample
from tools.samples import read_catalogue

plt.rcParams["figure.figsize"] = (7, 4.5)
plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# # Part 1: Data wrangling
#
# **What are the data?** One file a sample. One row is one collision with two photons, one column
# is one thing measured in it. What the samples are (cross-sections, luminosity, units, columns) is
# not in the files: it stands in `datasets/course.toml`, which is read here once.

# %%
catalogue = read_catalogue(checkout() / "datasets" / "course.toml")
pd.DataFrame([(c.name, c.unit, c.meaning) for c in catalogue.columns], columns=["", "unit", ""])

# %% [markdown]
# **Where are my files?** In `datasets/`, or in the folder that the variable `XYY_COURSE_DATA`
# names. What is in neither is generated: new events of the same distributions, so plots and
# numbers come out alike.

# %%
place = tempfile.TemporaryDirectory(prefix="xyy-course-")
work = Path(place.name)
folders = [Path("datasets"), checkout() / "datasets"]
if os.environ.get("XYY_COURSE_DATA"):
    folders.insert(0, Path(os.environ["XYY_COURSE_DATA"]))

files = {}
for sample in catalogue.simulation:
    found = [folder / f"{sample.name}.csv" for folder in folders]
    found = [path for path in found if path.is_file()]
    files[sample.name] = found[0] if found else generate_sample(catalogue, sample.name, work)
    print(f"{sample.name:12s}", found[0] if found else "generated, not real course data")

# %% [markdown]
# ## Task 1.1: read a sample, look at its head

# %%
df_sig500 = pd.read_csv(files["signal_500"], index_col=0)
df_sig500.head()

# %% [markdown]
# **Why is `n_jets` a number like 3.0?** pandas wrote it as a float. It is a count, and the search
# stores it as one (`int8`); a file with 2.5 jets would be refused.

# %% [markdown]
# ## Task 1.2: a column, a row, a mask

# %%
df_sig500["photon1_pT"]  # one column

# %%
df_sig500.iloc[110]  # one row: the 111th, as counting starts at 0

# %%
selected = df_sig500[df_sig500["photon1_pT"] > 250]  # a mask
print(f"{len(selected)} of {len(df_sig500)} events have photon1_pT > 250 GeV,")
print(f"{(df_sig500['photon1_pT'] > 150).sum()} have photon1_pT > 150 GeV")

# %% [markdown]
# **And without pandas?** The search works on columns too, as awkward arrays. There an event knows
# that six of its columns make two photons, and a photon knows how to be a four-vector. Masks look
# the same.

# %%
from processors.schema import behavior

columns = {name: df_sig500[name].to_numpy() for name in df_sig500.columns}
events = ak.zip(columns, with_name="DiphotonEvents", behavior=behavior)
hard = events[events.photon1_pT > 250]
print(len(hard), "events;", "the photons of the first one:", hard.photons[0].pt.to_list(), "GeV")
assert len(hard) == len(selected)

# %% [markdown]
# ## Task 1.3: a histogram of unit area

# %%
plt.hist(df_sig500["photon1_pT"], bins=50, density=True, label="$m_X = 500$ GeV")
plt.xlabel("photon1_pT [GeV]")
plt.ylabel("fraction of events / GeV")
plt.legend()
plt.show()

# %% [markdown]
# The same with `hist` and `mplhep`. A histogram is then a thing of its own, that can be added,
# sliced and saved, and not only a picture.

# %%
h = hist.Hist.new.Reg(50, 0, 1000, name="pt", label="photon1_pT [GeV]").Int64()
h.fill(df_sig500["photon1_pT"])
mplhep.histplot(h, density=True, label="$m_X = 500$ GeV")
plt.legend()
plt.show()

# %% [markdown]
# ## Task 1.4: all samples on one plot
#
# **Why the same bins for all?** Two histograms can be compared bin by bin only if their bins are
# the same. Here every column has its binning in `course.toml`.

# %%
df = {name: pd.read_csv(path, index_col=0) for name, path in files.items()}
titles = {
    "background": "background",
    "signal_500": "$m_X = 500$ GeV",
    "signal_750": "$m_X = 750$ GeV",
    "signal_1000": "$m_X = 1000$ GeV",
}
axes = {
    c.name: hist.axis.Regular(c.axis.bins, c.axis.low, c.axis.high, name=c.name, label=c.name)
    for c in catalogue.columns
}


def histograms_of(name):
    """Return the counts of a column in every sample."""
    return {
        sample: hist.Hist(axes[name], storage=hist.storage.Int64()).fill(frame[name])
        for sample, frame in df.items()
    }


def plot_distribution(name, ax=None):
    """Overlay a column of all samples, each of unit area."""
    ax = ax or plt.gca()
    for sample, counts in histograms_of(name).items():
        fill = sample == "background"
        mplhep.histplot(
            counts, density=True, ax=ax, label=titles[sample], yerr=False,
            histtype="fill" if fill else "step", alpha=0.4 if fill else 1,
        )  # fmt: skip
    ax.set_ylabel("a. u.")


plot_distribution("photon1_pT")
plt.legend()
plt.show()

# %% [markdown]
# ## Task 1.5: ... and every column, in a loop

# %%
figure, frames = plt.subplots(5, 3, figsize=(15, 20))
for name, ax in zip(axes, frames.flat, strict=False):
    plot_distribution(name, ax)
frames[-1, -1].axis("off")
frames[-1, -1].legend(*frames[0, 0].get_legend_handles_labels(), loc="center")
figure.tight_layout()

# %% [markdown]
# Signal and background differ in `n_jets`, `n_leptons` and both isolations; and in `photon1_eta`
# and `dEta`, which follow the mass of X. A figure for a talk is one call:

# %%
from analysis.report.plots.columns import Process, expected_yields, unit_area
from analysis.report.plots.style import Header, encode

header = Header(catalogue.collision_energy_GeV, catalogue.luminosity_invpb)
processes = [
    Process(s.name, s.kind, titles[s.name], catalogue.weight(s, len(df[s.name])))
    for s in catalogue.simulation
]


def talk_figure(figure):
    """Show a figure as `xyy report` writes it."""
    display(Image(encode(figure, "png"), width=620))


talk_figure(unit_area(histograms_of("n_jets"), processes, header))

# %% [markdown]
# # Part 2: Invariant mass and normalisation
#
# ## Task 2.1: the diphoton mass
#
# $$m = \sqrt{2\,p_{T1}\,p_{T2}\,(\cosh(\eta_1 - \eta_2) - \cos(\phi_1 - \phi_2))}$$
#
# It follows from $m^2 = (E_1 + E_2)^2 - (\vec p_1 + \vec p_2)^2$ for two particles without mass.
# **Why in one line for all events?** numpy then loops in compiled code, and not in Python.


# %%
def add_minv(frame):
    """Add the invariant mass of the two photons, in GeV."""
    pts = frame["photon1_pT"] * frame["photon2_pT"]
    d_eta = frame["photon1_eta"] - frame["photon2_eta"]
    d_phi = frame["photon1_phi"] - frame["photon2_phi"]
    return frame.assign(minv=np.sqrt(2 * pts * (np.cosh(d_eta) - np.cos(d_phi))))


df = {name: add_minv(frame) for name, frame in df.items()}
for name in titles:
    minv = df[name]["minv"]
    print(f"{name:12s} mean {minv.mean():7.1f} GeV, standard deviation {minv.std():6.1f} GeV")

# %% [markdown]
# The signals are Gaussians of 30 GeV around their mass: that is the detector's resolution, X
# itself is much narrower. The search computes the same in another form, which stays exact for
# photons that fly close together; and the four-vectors of task 1.2 agree.

# %%
from processors.diphoton import PHOTON_COLUMNS
from processors.kinematics import PhotonPair

pair = PhotonPair(*(columns[name] for name in PHOTON_COLUMNS))
first, second = events.photons[:, 0], events.photons[:, 1]
assert np.allclose(pair.mass, df["signal_500"]["minv"])
assert np.allclose(ak.to_numpy((first + second).mass), pair.mass)
for name, mass in (("signal_500", 500), ("signal_750", 750), ("signal_1000", 1000)):
    assert abs(df[name]["minv"].mean() - mass) < 2
    assert abs(df[name]["minv"].std() - 30) < 1

axes["minv"] = hist.axis.Regular(60, 0, 1500, name="m_yy", label="$m_{yy}$ [GeV]")
plot_distribution("minv")
plt.yscale("log")
plt.legend()
plt.show()

# %% [markdown]
# ## Task 2.2: weights
#
# A simulated event stands for $w = L\,\sigma\,\varepsilon\,/\,N_\mathrm{gen}$ events of data:
# events expected, shared among the events generated.
#
# **Which luminosity?** The course says 1298.1 /fb and multiplies it by picobarn, without the
# factor 1000 between them. Its numbers belong to the product as it stands, so `course.toml` says
# `1298.1 / pb`. (`hllhc.toml` has 1298.1 / fb: then it is 1.35 billion events.)

# %%
for sample in catalogue.simulation:
    print(catalogue.arithmetic(sample, len(df[sample.name])))
    df[sample.name]["w"] = catalogue.weight(sample, len(df[sample.name]))

assert round(df["signal_500"]["w"].sum(), 2) == 1191.66
assert round(df["background"]["w"].sum(), 1) == 1_352_704.6

# %%
talk_figure(expected_yields(histograms_of("minv"), processes, header, unit="GeV"))

# %% [markdown]
# There is the signal, a thousand times below the background. Now to make it visible.
#
# # Part 3: Designing the selection
#
# ## Task 3.1: how visible is it?
#
# The figure of merit is $s = S/\sqrt B$, in the window from 400 to 1100 GeV: the signal, in units
# of the statistical fluctuation of the background. (The course's text writes $S/B$; its number is
# $S/\sqrt B$.)


# %%
def in_window(frame):
    """Return the events with a mass in [400, 1100) GeV."""
    return frame[(frame["minv"] >= 400) & (frame["minv"] < 1100)]


def sensitivity(signal, background):
    """Return S / sqrt(B)."""
    return signal["w"].sum() / np.sqrt(background["w"].sum())


sig, bkg = in_window(df["signal_500"]), in_window(df["background"])
s_window = sensitivity(sig, bkg)
print(f"S = {sig['w'].sum():.0f}, B = {bkg['w'].sum():.0f}, s = {s_window:.2f} (the course: 5.3)")
assert abs(s_window - 5.3) < 0.1

# %% [markdown]
# **How well is 5.3 known?** The background here is a few thousand simulated events, so $B$ has a
# relative error of $1/\sqrt{N}$ and $s$ half of that: about 0.04. Another sample of the same size
# gives another last digit, and so may yours.
#
# ## Task 3.2: fewer jets


# %%
def apply_selection(frame, variable, cut_value, direction="<"):
    """Return the events on one side of a cut."""
    values = frame[variable]
    return frame[values < cut_value if direction == "<" else values > cut_value]


s_five = sensitivity(apply_selection(sig, "n_jets", 5), apply_selection(bkg, "n_jets", 5))
print(f"n_jets < 5: s = {s_five:.2f} (the course: 5.78)")
assert abs(s_five - 5.78) < 0.1

# %% [markdown]
# ## Task 3.3: which cut on the jets is best?

# %%
scan = {
    cut: sensitivity(apply_selection(sig, "n_jets", cut), apply_selection(bkg, "n_jets", cut))
    for cut in range(1, 13)
}
best = max(scan, key=scan.get)
plt.plot(scan.keys(), scan.values(), "o-")
plt.xlabel("cut on n_jets (events below it are kept)")
plt.ylabel("$s$")
print(f"best: n_jets < {best}, s = {scan[best]:.2f} (the course: 5.83)")
assert best == 6
assert abs(scan[best] - 5.83) < 0.1

# %% [markdown]
# ## Task 3.4: all four
#
# **Why these four, when `dEta` separates so much better?** It goes into the mass: a cut on it is
# half a cut on the mass, bends the background's spectrum, and spoils the fit of part 4. The four
# have nothing to do with the mass.
#
# By eye, from the plots of task 1.5:

# %%
by_hand = {"n_jets": 6, "n_leptons": 7, "photon1_isolation": 0.8, "photon2_isolation": 0.8}


def select(frame, cuts=by_hand):
    """Apply upper cuts."""
    for variable, cut in cuts.items():
        frame = apply_selection(frame, variable, cut)
    return frame


s_by_hand = sensitivity(select(sig), select(bkg))
print(f"by hand: s = {s_by_hand:.2f} (the course: about 9)")
assert abs(s_by_hand - 9.1) < 0.6

# %% [markdown]
# **Can a machine try all of them?** Yes, and without reading the events again. The search's
# processor fills one histogram of all four columns at once; every combination of upper cuts is
# then a sum of its bins, and the best of 300,000 is an `argmax`. The processor is a coffea
# processor: events in, histograms out, on a laptop or a cluster alike.

# %%
from analysis.selection.optimise import optimise
from analysis.selection.scores.training import Simulated
from analysis.settings.search_file import read_search
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tools.convert import convert
from tools.executors import Execution, plan, run
from tools.locks import one_writer

search = read_search(checkout() / "analysis" / "search.toml")  # what is decided
with one_writer(work / "chunks"):
    chunks = convert(catalogue, list(files.items()), work / "chunks")


def process(manifest, selection, *, unblinded=False):
    """Return the histograms of every sample of a manifest."""
    settings = processor_settings(manifest.columns, search, selection, unblinded=unblinded)
    items = plan(manifest, list(manifest.samples), chunk_events=None)
    done = run(DiphotonProcessor(settings), items, schema=DiphotonSchema, execution=Execution())
    return done.outputs


simulated = process(chunks, Selection({}))
weights = {s.name: catalogue.weight(s, len(df[s.name])) for s in catalogue.simulation}
joints = {name: histograms["joint"] for name, histograms in simulated.items()}
optimum = optimise(Simulated(joints, weights, "background"), search.optimise)
table, halves = optimum.tables["signal_500"], optimum.optimism
for selection, (s, error) in table.items():
    if s is not None:
        print(f"{selection:12s} s = {s:.2f} +- {error:.2f}")
print("best cuts: " + ", ".join(f"{name} < {cut:g}" for name, cut in optimum.cuts.items()))
print(f"  chosen on one half of the simulation: {halves.chosen_on_half:.2f} there,")
print(f"  {halves.checked_on_other_half:.2f} +- {halves.error:.2f} on the other")
assert abs(table["best_cuts"][0] - 9.2) < 0.4

# %% [markdown]
# **Why is the best cut hardly better than the one by hand?** Because rectangular cuts can do no
# more. The last lines are honest about another thing: what is best on the events that it was
# chosen on is a little less good on others.
#
# **Machine learning, then?** As the four columns are independent of each other, the best possible
# score is known (Neyman and Pearson, 1933): the likelihood ratio, the product of the four ratios
# signal/background. That is learnt from histograms, on one half of the events, and judged on the
# other half.


# %%
def log_ratio(column, signal, background):
    """Return bins and ln(signal/background) of one column."""
    bins = np.arange(0, 14) if column.startswith("n_") else np.linspace(0.4, 1.3, 31)
    shares = []
    for frame in (signal, background):
        n, _ = np.histogram(np.clip(frame[column], bins[0], bins[-1] - 1e-9), bins)
        shares.append((n + 0.5) / (n + 0.5).sum())  # half an event more: no logarithm of 0
    return bins, np.log(shares[0] / shares[1])


learnt = {
    column: log_ratio(column, df["signal_500"][::2], df["background"][::2]) for column in by_hand
}


def score(frame):
    """Return the sum of the logarithms: high means like the signal."""
    total = np.zeros(len(frame))
    for column, (bins, logs) in learnt.items():
        total += logs[np.clip(np.digitize(frame[column], bins) - 1, 0, len(logs) - 1)]
    return total


# The half that was not learnt from; each event then stands for two.
rest = {name: df[name][1::2].assign(w=lambda f: 2 * f["w"]) for name in df}
sig_score, bkg_score = score(rest["signal_500"]), score(rest["background"])
inside = len(in_window(df["background"])) / len(df["background"])
s_of_cut = {}
for cut in np.linspace(0, 6, 61):
    n = (bkg_score > cut).sum()
    if n >= 100:  # below that the background is a guess
        passing = in_window(rest["signal_500"][sig_score > cut])
        s_of_cut[cut] = passing["w"].sum() / np.sqrt(n * inside * rest["background"]["w"].iloc[0])
best_score_cut = max(s_of_cut, key=s_of_cut.get)
s_score = s_of_cut[best_score_cut]
print(f"score > {best_score_cut:.1f}: s = {s_score:.1f} with one cut on the score")
assert s_score > s_by_hand + 1

# %% [markdown]
# `xyy optimise` goes two steps further: it smooths the ratios, and instead of throwing away what
# is below a cut it keeps several categories of the score, each with a background of its own. That
# reaches 15, where nothing made of these columns can do better than 17.0
# ([selection.md](selection.md)). Here we go on with the four cuts, as the course does.
#
# ## Task 3.5: the spectrum again, selected

# %%
cuts = Selection({name: Interval(max=cut) for name, cut in by_hand.items()})
simulated = process(chunks, cuts)
after = {
    name: histograms["spectrum"]["all", : hist.loc(1500) : hist.rebin(25)]
    for name, histograms in simulated.items()
}
talk_figure(expected_yields(after, processes, header, unit="GeV"))

# %% [markdown]
# The signal now stands out of the background's tail.
#
# # Part 4: Statistical analysis
#
# ## Task 4.1: the sidebands
#
# **Why not simply trust the simulation?** Nature's background may fall a little more steeply, or
# be a little larger, and a difference of ten percent looks like a signal. So the background is
# taken from the data: from both sides of the window, where there is no X.
#
# **Only 6 % of the simulated events are left?** Each of them stands for 13.5, and the tail is
# thin. But the cuts have nothing to do with the mass: so the shape can be that of all events,
# scaled down to what the cuts keep. (That they have nothing to do with it is tested, above, by
# `optimise`: `independent`.)

# %%
from analysis.statistics.spectra.bins import Channel

assert optimum.independent
spectra_of_background = simulated["background"]
kept = spectra_of_background["spectrum"].sum() / spectra_of_background["before/m_yy"].sum()
edges = spectra_of_background["spectrum"].axes["m_yy"].edges
counts = spectra_of_background["before/m_yy"].values()
weight = weights["background"] * kept
channel = Channel("background", edges, counts * weight, counts * weight**2)
print(f"the cuts keep {100 * kept:.1f} % of the background; each event now stands for {weight:.2f}")

sidebands = channel.sidebands(search.window, 100, 2000, 50)
centres = (sidebands.low_GeV + sidebands.high_GeV) / 2
plt.errorbar(centres, sidebands.counts, np.sqrt(sidebands.variances), fmt="o", label="sidebands")
plt.axvspan(400, 1100, color="0.9", label="window")
plt.yscale("log")
plt.xlabel("$m_{yy}$ [GeV]")
plt.ylabel("events / 50 GeV")
plt.legend()
plt.show()

# %% [markdown]
# ## Task 4.2: fit a falling function, predict the window
#
# As in the course: an exponential, $N e^{-m/\lambda}$. And because nothing says that nature likes
# exponentials, also $N e^{a_1 t + a_2 t^2 + ...}$ with more parameters. Each one's goodness of
# fit, what it predicts, and its *bias*: by how much it misses the window of smooth spectra that
# are known there.

# %%
from analysis.statistics.background.sidebands import fit_sidebands


def fit_with(families, least, most):
    """Fit the sidebands with the simplest good one of some functions."""
    settings = replace(search.fit, families=families, min_parameters=least, max_parameters=most)
    return fit_sidebands(channel, search.window, settings, sqrt_s_GeV=14_000)


for parameters in (2, 3, 4):
    tried = fit_with(("exp",), parameters, parameters).chosen
    print(
        f"{tried.family} {tried.order}: p = {tried.gof_pvalue:.2f}, predicts "
        f"{tried.uncorrected_events:.0f} +- {tried.fit_error_events:.0f} events, "
        f"bias {tried.closure_bias_events:+.0f}: {tried.reason or 'accepted'}"
    )

# %% [markdown]
# All of them fit the sidebands, and what they predict differs by far more than their errors! A
# good fit where there are data says little about a hole of 700 GeV. So the search chooses by the
# bias, takes its average out of the prediction, and its error holds three parts: the fit's, by the
# full covariance (the parameters are strongly correlated: adding their errors one by one would be
# wrong); what good functions differ by; how well the bias is known.

# %%
simple = fit_with(("exp",), 2, 2)
background = fit_sidebands(channel, search.window, search.fit, sqrt_s_GeV=14_000)
b, b_error = background.predicted_events, background.predicted_error_events
print(
    f"exp 1 predicts {simple.predicted_events:.0f} +- {simple.fit_error_events:.0f} (its fit alone)"
)
print(f"{background.fitted.function.name} predicts {b:.0f} +- {b_error:.0f} (all three parts)")

m = np.linspace(background.low_GeV, 2000, 400)
plt.errorbar(centres, sidebands.counts, np.sqrt(sidebands.variances), fmt="o", label="sidebands")
for fit in (simple, background):
    density, _ = fit.fitted.density(m)
    plt.plot(m, 50 * density, label=fit.fitted.function.name)
plt.axvspan(400, 1100, color="0.9")
plt.yscale("log")
plt.ylim(1e-1, None)
plt.xlabel("$m_{yy}$ [GeV]")
plt.ylabel("events / 50 GeV")
plt.legend()
plt.show()

# %% [markdown]
# ## Task 4.3: closure, background only
#
# The window of the simulation is not secret. What is really in it?
#
# The course's significance is $Z = (n - b)/\sigma_b$. It leaves out that $n$ itself fluctuates, by
# $\sqrt n$. The proper one, `z`, has both.

# %%
from analysis.statistics.counting.count import Count


def rehearse(events):
    """Compare a number of events in the window with both predictions; return the better z."""
    as_in_course = Count(events, simple.predicted_events, simple.fit_error_events, weight)
    honest = Count(events, b, b_error, weight)
    print(f"{events:.0f} events in the window; the course's way: Z = {as_in_course.z_course:.1f},")
    print(f"with the search's prediction: Z = {honest.z_course:.1f}, z = {honest.z:.1f}")
    return as_in_course.z_course, honest.z


observed, _ = channel.inside(search.window)
alone = rehearse(observed)
assert abs(alone[1]) < 3

# %% [markdown]
# ## Task 4.4: closure, with a signal
#
# Now add the signal's events in the window.

# %%
signal_counts = simulated["signal_500"]["spectrum"]["all", :].values().astype(float)
s_events = float(signal_counts[400:1100].sum() * weights["signal_500"])
added = rehearse(observed + s_events)
assert added[0] > 5
assert added[1] > alone[1] + 2

# %% [markdown]
# **A discovery or not?** By the course's way, yes. But its error is that of a function which might
# be the wrong one, and with the honest error the count does not claim it. That is no weakness of
# the error, but of counting: 700 GeV of background for a peak of 30 GeV. Part 5 fits the peak
# instead.
#
# # Part 5: your own data set
#
# **Where is it?** If there is a `data.csv` beside your samples, it is taken. If not: universe 5,
# in which there may or may not be an X.
#
# First, blind. The processor does not fill data inside the window at all, until it is told to:
# what was never filled cannot bias anybody.

# %%
from tools.manifest import read_manifest
from tools.universe import generate_universe, truth_of

own = [folder / "data.csv" for folder in folders if (folder / "data.csv").is_file()]
UNIVERSE = None if own else 5  # try others: 0 to ...
with one_writer(work / "data"):
    if own:
        data_chunks = convert(catalogue, [("data", own[0])], work / "data")
    else:
        generate_universe(catalogue, UNIVERSE, work / "data", seed=DEFAULT_SEED, file_format="root")
        data_chunks = read_manifest(work / "data")
print(own[0] if own else f"generated: universe {UNIVERSE}")

blind = process(data_chunks, cuts)["data"]["spectrum"]["all", :].values()
print(f"{blind.sum():.0f} events in the sidebands, {blind[400:1100].sum():.0f} in the window")
assert blind[400:1100].sum() == 0

# %% [markdown]
# The background is predicted from the sidebands, as rehearsed. Nothing is left to be decided after
# this.

# %%
data = Channel("data", edges, blind.astype(float))
background = fit_sidebands(data, search.window, search.fit, sqrt_s_GeV=14_000)
b, b_error = background.predicted_events, background.predicted_error_events
print(f"{background.fitted.function.name} predicts {b:.0f} +- {b_error:.0f} events in the window")

# %% [markdown]
# ## Task 5.1: open it
#
# No weights here: an observed event is one event.

# %%
opened = process(data_chunks, cuts, unblinded=True)["data"]["spectrum"]["all", :].values()
data = Channel("data", edges, opened.astype(float))
n, _ = data.inside(search.window)
count = Count(n, b, b_error)
print(f"{n:.0f} observed, {b:.0f} +- {b_error:.0f} predicted: ", end="")
print(f"z = {count.z:.2f} (the course's Z = {count.z_course:.2f})")

# %%
bins = data.bins(100, 2000, 20)
centres = (bins.low_GeV + bins.high_GeV) / 2
plt.errorbar(centres, bins.counts, np.sqrt(bins.counts), fmt="ko", markersize=3, label="data")
density, _ = background.fitted.density(m)
plt.plot(m, 20 * density, label="from the sidebands")
plt.yscale("log")
plt.ylim(0.5, None)
plt.xlabel("$m_{yy}$ [GeV]")
plt.ylabel("events / 20 GeV")
plt.legend()
plt.show()

# %% [markdown]
# **Is 3 sigma a discovery?** By convention 3 is evidence and 5 a discovery. A count over 700 GeV
# sees little, though: a peak of 30 GeV drowns in it. A bump says more.
#
# ## Task 5.2a: its mass and cross-section
#
# Fit background and a Gaussian together, at every mass from 500 to 1000 GeV: the *scan*. What a
# signal of any mass looks like (mean, width, fraction selected) is interpolated between the
# simulated ones.

# %%
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.statistics.spectra.signal_model import SignalModel, SimulatedPeak

signals = [s for s in catalogue.simulation if s.kind == "signal"]
model = SignalModel.of(
    [
        SimulatedPeak.of(
            s.mass_GeV, edges, [simulated[s.name]["spectrum"]["all", :].values()], len(df[s.name])
        )
        for s in signals
    ]
)
masses = search.signal.masses_GeV
function = background.fitted.function
whole = data.bins(background.low_GeV, 2000, 10)
spectra = Spectra.of(
    [ChannelModel(whole, function, masses, np.zeros(len(masses)))], model, search.systematics
)
mass_scan = spectra.scan(masses)
plt.plot(masses, mass_scan.z)
plt.xlabel("$m_X$ [GeV]")
plt.ylabel("local significance [$\\sigma$]")
z_local = mass_scan.z.max()
print(f"the most significant mass: {masses[mass_scan.z.argmax()]:.0f} GeV, {z_local:.1f} sigma")

# %% [markdown]
# **What does *local* mean?** At that mass. Somewhere among fifty masses there is always a bump;
# how rarely the background alone makes one this high *anywhere* is the global significance, which
# `xyy infer` computes as well ([statistics.md](statistics.md)).
#
# Events become a cross-section by what is known of luminosity and efficiencies: $\sigma = S /
# (L\,\varepsilon_\mathrm{filter}\,\varepsilon_\mathrm{selection})$.

# %%
from analysis.statistics.resonance.measurement import measure

if z_local >= 3:
    result = measure(spectra, float(masses[mass_scan.z.argmax()]), bounds_GeV=(500, 1000))
    mass = result.mass.interval
    efficiency, efficiency_error = model.total_efficiency(mass.value)
    per_pb = catalogue.data_luminosity_invpb * signals[0].filter_efficiency * float(efficiency)
    sigma = result.signal.interval.scaled(
        1 / per_pb, relative_error=float(efficiency_error / efficiency)
    )
    for name, unit, found in (("mass", "GeV", mass), ("cross-section", "pb", sigma)):
        up, down = found.high - found.value, found.value - found.low
        print(f"{name}: {found.value:.2f} +{up:.2f} -{down:.2f} {unit}")

# %% [markdown]
# Was that right? Only the generator knows:

# %%
if UNIVERSE is not None:
    truth = truth_of(DEFAULT_SEED, UNIVERSE, catalogue)
    what = f"{truth.mass_GeV:.1f} GeV, {truth.cross_section_pb:.2f} pb" if truth.exists else "no X"
    print(f"The truth of universe {UNIVERSE}: {what}")
if UNIVERSE == 5:
    assert z_local >= 5
    assert abs(mass.value - truth.mass_GeV) < 3 * (mass.high - mass.low) / 2
    assert abs(sigma.value - truth.cross_section_pb) < 3 * (sigma.high - sigma.low) / 2

# %% [markdown]
# ## Task 5.2b: and if there is nothing?
#
# Then say how large the cross-section can be at most. CLs compares how probable so small a count
# is with signal and background, and with background alone; at 95 % confidence the cross-section
# where that ratio has fallen to 5 % is excluded. pyhf computes it. The *expected* limit is what
# background alone would give; 68 % of such experiments lie between the second and third number.

# %%
from analysis.statistics.limits.counting_limit import WindowModel

selected = signal_counts[400:1100].sum() / len(df["signal_500"])
per_pb = catalogue.data_luminosity_invpb * signals[0].filter_efficiency * selected
limit = WindowModel(b, b_error, observed=n, events_per_pb=per_pb).limit()
low, middle, high = (limit.expected_pb[sigma] for sigma in ("-1", "0", "1"))
print(f"cross-section < {limit.observed_pb:.2f} pb at 95 % confidence level;")
print(f"expected without X: {middle:.2f} pb ({low:.2f} to {high:.2f})")
tried, expected = limit.curve.cross_section_pb, limit.curve.expected_cls["0"]
plt.plot(tried, limit.curve.observed_cls, label="observed")
plt.plot(tried, expected, "--", label="expected without X")
plt.axhline(0.05, color="grey", linewidth=1)
plt.xlabel("cross-section [pb]")
plt.ylabel("CLs")
plt.legend()
plt.show()

# %% [markdown]
# **Why is the observed limit so high here?** Because there is an X in universe 5: a cross-section
# that is really there must not be excluded. Try universe 0 or 1 above: there is none.
#
# # All of it, in one command
#
# In a terminal, after `source .venv/bin/activate` in the folder of the project:
#
#     xyy run --universe 5 --unblind "our decisions are fixed"
#
# converts, selects (by categories of a score), freezes the decisions, fits, unblinds, decides, and
# writes figures for a talk and `report.html`. What the game at dinner needs is in
# [game.md](game.md).

# %%
place.cleanup()
