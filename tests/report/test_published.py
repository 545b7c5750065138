"""The main figures against what publications show, and against pictures of themselves.

`docs/figures.md` has the list; each item is looked for on the figure. The pictures in
`tests/reference` are the figures at half size. A figure agrees with its picture if, both a little
blurred, no piece of it 20 points wide differs by more than `TOLERANCE` on average. What another
release of matplotlib rounds differently, a point to the side, stays below it; a word, a line or a
band that is missing is above. After a change that is wanted:
``XYY_NEW_REFERENCE=1 pytest tests/report/test_published.py``.
"""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageChops, ImageFilter

from analysis.report.plots import spectrum
from analysis.report.plots.limits import mass_limits
from analysis.report.plots.scan import p0_scan
from analysis.report.plots.style import Header, encode
from analysis.results.limits import ExcludedRanges, MassLimits
from analysis.results.scan import Maximum, Scan
from analysis.statistics.spectra.fitted import FittedSpectrum
from processors.selection import Interval
from tests.made_up import a_global, a_scan, some_limits

HEADER = Header(14_000.0, 1298.1)
REFERENCE = Path(__file__).parent / "reference"
DOCS = Path(__file__).parents[2] / "docs"
TILE, BLUR, TOLERANCE = 20, 4, 15.0
"""points, points, and grey levels of 255"""


def fitted(*, signal: bool = True) -> FittedSpectrum:
    edges = np.linspace(100.0, 2000.0, 96)
    centres = (edges[1:] + edges[:-1]) / 2
    background = 2e4 * np.exp(-centres / 150)
    peak = 300 * np.exp(-(((centres - 650) / 30) ** 2) / 2)
    counts = np.random.default_rng(7).poisson(background + peak).astype(np.float64)
    return FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=background,
        background_errors=None if signal else 0.1 * background,
        signal=peak if signal else None,
        windows=(Interval(400.0, 1100.0),),
        blinded=False,
        function="exp 3",
        notes=(r"$m_X$ = 650.1 $\pm$ 2.0 GeV",) if signal else ("Goodness of fit: $p$ = 0.50",),
    )


def scanned() -> Scan:
    mass = np.linspace(500.0, 1000.0, 51)
    error = 0.3 * np.exp(-(mass - 500) / 300)
    best = np.exp(-(((mass - 650) / 40) ** 2) / 2) + error * np.sin(mass / 30)
    z = np.maximum(best / error, 0.0)
    top = int(np.argmax(z))
    return a_scan(
        mass, local_z=z, expected_local_z=0.9 / error, cross_section_pb=best,
        cross_section_error_pb=error, benchmark=0.9,
        maximum=Maximum(mass_GeV=mass[top], local_z=z[top]),
        global_=a_global(3.9, {"1": 2.3, "2": 3.1, "3": 3.8}),
    )  # fmt: skip


def limited() -> MassLimits:
    mass = np.linspace(500.0, 1000.0, 21)
    median = 0.6 * np.exp(-(mass - 500) / 300)
    excluded = ExcludedRanges(observed=((720.0, 1000.0),), expected=((708.0, 1000.0),))
    return some_limits(
        mass, np.outer([0.53, 0.72, 1.0, 1.4, 1.9], median),
        observed=median * (1 + 0.3 * np.sin(mass / 40)),
        low_counts=tuple(bool(few) for few in mass > 870), benchmark=0.3, excluded_GeV=excluded,
    )  # fmt: skip


FIGURES: dict[str, Callable[[], Figure]] = {
    "resonance_fit": lambda: spectrum.fit(fitted(), HEADER),
    "p0_scan": lambda: p0_scan(scanned(), HEADER),
    "mass_limits": lambda: mass_limits(limited(), HEADER),
}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def check_labels(figure: Figure) -> None:
    told = texts(figure)
    assert any("ATLAS" in text for text in told)
    assert any("Internal" in text for text in told)
    assert any(r"14\ TeV" in text and r"1298.1 $\mathrm{pb^{-1}}$" in text for text in told)


# ---- the list ------------------------------------------------------------------------------------


def test_published_items_of_the_spectrum() -> None:
    found = fitted()
    figure = FIGURES["resonance_fit"]()
    check_labels(figure)
    upper, lower = figure.axes
    assert {"Data", "Background + resonance", "Background: exp 3"} <= set(legend_of(upper))
    (points,) = (c for c in upper.containers if c.get_label() == "Data")
    assert isinstance(points, ErrorbarContainer)
    x, y = np.asarray(points.lines[0].get_xydata()).T
    assert len(x) == (found.counts > 0).sum(), "no point for an empty bin"
    assert y.tolist() == found.counts[found.counts > 0].tolist()
    (errors,) = points.lines[2]
    down, up = np.abs(np.array([s[:, 1] for s in errors.get_segments()]) - y[:, None]).T
    assert (up > down).all(), "Poisson errors are longer upwards"
    assert (upper.get_ylabel(), upper.get_yscale()) == ("Events / 20 GeV", "log")
    assert lower.get_xlabel() == r"$m_{\gamma\gamma}$ [GeV]"
    assert lower.get_ylabel() == "Pull"
    assert upper.get_xlim() == lower.get_xlim()
    places = [ax.get_position() for ax in (upper, lower)]
    assert (places[0].x0, places[0].x1) == (places[1].x0, places[1].x1), "aligned"
    heights = [bar.get_height() for bar in lower.containers[0]]
    assert heights == pytest.approx(found.pulls[np.isfinite(found.pulls)])
    with_errors = spectrum.fit(fitted(signal=False), HEADER)
    assert "Fit uncertainty" in legend_of(with_errors.axes[0])
    assert any("Goodness of fit" in text for text in texts(with_errors))


def test_published_items_of_the_scan() -> None:
    figure = FIGURES["p0_scan"]()
    check_labels(figure)
    upper, lower, right = figure.axes
    assert (upper.get_ylabel(), upper.get_yscale()) == (r"Local $p_0$", "log")
    assert lower.get_xlabel() == "$m_X$ [GeV]"
    ticks = [tick.get_text() for tick in right.get_yticklabels()]
    assert ticks == [rf"{level}$\sigma$" for level in range(1, len(ticks) + 1)]
    lines = [line for line in upper.lines if line.get_gid() == "local"]
    assert len(lines) == len(ticks) >= 5
    told = legend_of(upper)
    assert "Observed" in told
    assert any(title.startswith("Expected, 0.9 pb") for title in told)
    assert any(re.match(r"\d+ GeV: .*global 3.9", title) for title in told)
    assert lower.get_ylabel() == r"Best-fit $\sigma$ [pb]"


def test_published_items_of_the_limit() -> None:
    figure = FIGURES["mass_limits"]()
    check_labels(figure)
    (ax,) = figure.axes
    assert {
        "Observed", "Expected", r"Expected $\pm\mathrm{1}\sigma$", "Benchmark, 0.3 pb",
        r"Expected $\pm\mathrm{2}\sigma$", "Few background events",
    } == set(legend_of(ax))  # fmt: skip
    assert ax.get_ylabel() == r"95% CL limit on $\sigma(pp \to X \to \gamma\gamma)$ [pb]"
    assert (ax.get_xlabel(), ax.get_yscale()) == ("$m_X$ [GeV]", "log")


def test_the_list_names_tests_that_there_are() -> None:
    named = set(re.findall(r"`(test_\w+)`", (DOCS / "figures.md").read_text(encoding="utf-8")))
    there = {
        name
        for path in Path(__file__).parent.glob("test_p*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) >= 5
    assert named <= there


# ---- the pictures --------------------------------------------------------------------------------


def half_size(figure: Figure) -> Image.Image:
    image = Image.open(io.BytesIO(encode(figure, "png"))).convert("RGB")
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)


def difference(image: Image.Image, other: Image.Image) -> float:
    """Return the largest average difference of a piece of two pictures, in grey levels."""
    blur = ImageFilter.GaussianBlur(BLUR)
    a, b = (np.asarray(p.convert("L").filter(blur), np.float64) for p in (image, other))
    rows, columns = (size // TILE * TILE for size in a.shape)
    apart: npt.NDArray[np.float64] = np.abs(a - b)[:rows, :columns]
    tiles = apart.reshape(rows // TILE, TILE, columns // TILE, TILE)
    return float(tiles.mean(axis=(1, 3)).max())


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name: str) -> None:
    path, image = REFERENCE / f"{name}.png", half_size(FIGURES[name]())
    if os.environ.get("XYY_NEW_REFERENCE") == "1":
        colours = image.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        colours.save(path, optimize=True)
    reference = Image.open(path).convert("RGB")
    assert image.size == reference.size
    assert difference(image, reference) < TOLERANCE
    assert difference(ImageChops.offset(image, 1, 0), reference) < TOLERANCE
    assert difference(ImageChops.offset(image, 0, 1), reference) < TOLERANCE


@pytest.mark.parametrize("name", FIGURES)
def test_a_missing_word_or_line_is_seen(name: str) -> None:
    reference = Image.open(REFERENCE / f"{name}.png").convert("RGB")
    figure = FIGURES[name]()
    figure.axes[0].yaxis.label.set_visible(False)
    assert difference(half_size(figure), reference) > TOLERANCE
    figure = FIGURES[name]()
    legend = figure.axes[0].get_legend()
    assert legend is not None
    legend.get_texts()[-1].set_visible(False)
    assert difference(half_size(figure), reference) > TOLERANCE
    figure = FIGURES[name]()
    for line in figure.axes[0].lines[:1]:
        line.set_linewidth(6)
    assert difference(half_size(figure), reference) > TOLERANCE
    assert sum(path.stat().st_size for path in REFERENCE.iterdir()) < 100_000
