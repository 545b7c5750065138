"""One style for every figure: that of ATLAS, by mplhep, in colours that all eyes tell apart.

What has to stand on a figure - who, collision energy, luminosity, and any reservation about its
content - is one `Header`; `label` writes it. Reservations (generated samples, lost events,
decisions changed after unblinding) are labelled above the frame, so that a figure that is copied
into a talk takes them along.

Nothing global is touched: styles are set inside `atlas_style` only, figures are made without
pyplot, which would keep them, and encoded without dates or versions: equal content, equal bytes.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/); signals differ in their
dashes too, for grey prints.
"""

import contextlib
import io
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.settings.search import EXPERIMENT, STATUS
from tools.arrays import FloatArray

Look = tuple[str, str | tuple[float, tuple[float, ...]]]
"""colour and dashes of a line"""
Errors = FloatArray | tuple[FloatArray, FloatArray]
"""symmetric ones, or lower and upper ones"""
Corner = tuple[Axes, float]
"""the upper right one of a frame, and how many inches above it"""

PNG_DPI = 150
"""1200 x 900 points: sharp on half a slide"""
SINGLE, WITH_PANEL = (8.0, 6.0), (8.0, 7.0)
"""sizes in inches: one frame; a frame with a panel of pulls below"""

DATA, BACKGROUND, BACKGROUND_FILL = "#000000", "#0072b2", "#cfe3f1"
SIGNALS: tuple[Look, ...] = (
    ("#d55e00", "-"),
    ("#009e73", (0, (6, 2))),
    ("#cc79a7", (0, (6, 2, 1.5, 2))),
    ("#e69f00", (0, (1.5, 1.5))),
)
"""of each signal in turn"""
FIT, CUT, CAVEAT, SHADE = "#d55e00", "#d55e00", "#a03000", "#ececec"
ONE_SIGMA, TWO_SIGMA = "#009e73", "#f0e442"
"""fillings of the bands of expected limits"""

_SETTINGS = {
    "figure.dpi": PNG_DPI,  # labels are placed by the size of their text: measure it as it is drawn
    "axes.formatter.limits": (-4, 6),
    "axes.formatter.use_mathtext": False,  # five times slower, for the same digits
    "axes.axisbelow": False,
    "axes.labelpad": 5,
    "xtick.major.pad": 7,  # the labels of both axes meet in the corner
    "legend.borderpad": 0.6,
    "legend.borderaxespad": 0.8,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.6,
    # Outlines as drawings; text can be searched all the same. As TrueType (42) the style's fonts,
    # which are not, are embedded under a wrong name, and some viewers object.
    "pdf.fonttype": 3,
}
_MUCH_INVPB = 1e4
"""from here on luminosities are written in 1/fb"""
_FEW_DECADES = 2.0
"""of a logarithmic axis that needs ticks between the powers of ten"""
_WIDE_NUMBER = 1e4
"""from here on numbers beside an axis are powers of ten"""
_MIN_LEGEND = 9.0
"""size to which a legend may shrink beside a long label, in points"""
_CAVEAT_LENGTH = 105
"""characters of a caveat that fit beside each other; the page has the whole text"""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands on a figure about where its content comes from."""

    collision_energy_GeV: float | None
    """collision energy; None where it is not known"""
    luminosity_invpb: float | None
    """luminosity of the data, or that yields are normalised to; None where it is not known"""
    caveats: tuple[str, ...] = ()
    """reservations, as plain text"""
    status: str = STATUS
    """what stands behind the experiment's name, as matplotlib writes it"""
    experiment: str = EXPERIMENT
    from_data: bool = True
    """whether there are data at all, or simulation alone"""


@contextlib.contextmanager
def atlas_style() -> Iterator[None]:
    """Hold matplotlib in ATLAS style while the block, or the decorated function, runs.

    Two warnings about the style's fonts, that no user can do anything about, are not logged: their
    files carry odd dates (fontTools), and a root's sign is not theirs (mathtext).
    """
    import mplhep
    from matplotlib import style

    loggers = [logging.getLogger(name) for name in ("fontTools", "matplotlib.mathtext")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with style.context([mplhep.style.ATLAS, _SETTINGS]):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def frame(*, left: float = 0.13, bottom: float = 0.14) -> Axes:
    """Return the frame of a figure that has but one."""
    figure = Figure(figsize=SINGLE)
    figure.subplots_adjust(left=left, right=0.955, bottom=bottom, top=0.94)
    return figure.add_subplot()


def frame_with_panel(*, heights: tuple[float, float] = (3, 1)) -> tuple[Axes, Axes]:
    """Return the frame of a figure and, below it and aligned with it, a panel for pulls."""
    figure = Figure(figsize=WITH_PANEL)
    upper, lower = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": heights, "hspace": 0.06}
    )
    figure.subplots_adjust(left=0.13, right=0.955, bottom=0.115, top=0.945)
    # The numbers beside the two axes differ in width; their titles stand on one line all the same.
    figure.align_ylabels((upper, lower))
    return upper, lower


def named_rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows of a frame, from 0 on; how they run its vertical range says."""
    ax.set_yticks(range(len(names)), names)
    ax.set_yticks([], minor=True)
    ax.tick_params(axis="y", which="both", length=0, labelsize="medium")


def mass_range(ax: Axes, masses: FloatArray) -> None:
    """Show all masses of a scan; around a single one there is some room."""
    low, high = float(masses[0]), float(masses[-1])
    ax.set_xlim((low, high) if high > low else (low - 10, low + 10))


def finished(
    ax: Axes, header: Header, x: str, y: str, *, data: bool, luminosity: bool = True, **look: Any
) -> Figure:
    """Write the titles of both axes, the legend and the labels; return the figure.

    Limits and scales must be final, see `label`; `look` is the legend's.
    """
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    legend(ax, **look)
    label(ax, header, data=data, luminosity=luminosity)
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - frames are made by figures
    return figure


def points(ax: Axes, x: FloatArray, y: FloatArray, error: Errors, **look: Any) -> None:
    """Draw points with vertical errors: black ones, as of data, unless `look` differs."""
    look = {"fmt": "o", "color": DATA, "markersize": 3.5, "elinewidth": 1.0, **look}
    ax.errorbar(x, y, yerr=error, **look)


def note(ax: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """Write a result in a frame, at fractions of its size."""
    ax.text(x, y, text, transform=ax.transAxes, **{"gid": "note", **look})


def sigma_bands(
    ax: Axes, x: FloatArray, bands: Sequence[FloatArray] | FloatArray, what: str = "{}"
) -> None:
    r"""Draw bands of one and two standard deviations.

    Parameters
    ----------
    ax : Axes
    x : ndarray
        Shape (n,).
    bands : ndarray or sequence of ndarray
        Values at -2, -1, 0, 1, 2 standard deviations, shape (5, n).
    what : str
        Title in the legend; ``{}`` stands for ":math:`\pm1\sigma`".
    """
    for width, colour in ((2, TWO_SIGMA), (1, ONE_SIGMA)):
        ax.fill_between(
            x, bands[2 - width], bands[2 + width], color=colour, linewidth=0, zorder=3 - width,
            label=what.format(rf"$\pm\mathrm{{{width}}}\sigma$"), gid=f"band {width}",
        )  # fmt: skip


def label(
    ax: Axes, header: Header, *, data: bool, luminosity: bool = True, corner: Corner | None = None
) -> None:
    """Write experiment, status, energy, luminosity and caveats on a frame.

    Parameters
    ----------
    ax : Axes
        Its limits and place must be final.
    header : Header
    data : bool
        False writes ``Simulation`` before the status.
    luminosity : bool
        False where shapes are shown, which no luminosity normalises.
    corner : tuple of Axes and float, optional
        Where the caveats are to stand; by default just above `ax`.
    """
    import mplhep

    right = []
    if header.collision_energy_GeV is not None:
        energy = f"{header.collision_energy_GeV / 1000:g}"
        right.append(rf"$\sqrt{{s}} = \mathrm{{{energy}\ TeV}}$")
    if luminosity and header.luminosity_invpb is not None:
        right.append(luminosity_text(header.luminosity_invpb))
    written = mplhep.atlas.label(
        header.status, ax=ax, data=data, exp=header.experiment, rlabel=", ".join(right),
        fontstyle=("italic", "normal", "normal", "normal"),
    )  # fmt: skip
    _keep_apart(ax, written)
    if header.caveats:
        last, inches = corner or (ax, 0.0)
        last.annotate(
            plain(shortened("; ".join(header.caveats), _CAVEAT_LENGTH)), (1.0, 1.01), color=CAVEAT,
            fontsize=10, ha="right", va="bottom", xycoords="axes fraction", gid="stamp",
            xytext=(0, 72 * inches), textcoords="offset points",
        )  # fmt: skip


def _keep_apart(ax: Axes, written: Iterable[Any]) -> None:
    """Make a legend smaller until it does not touch the labels beside it."""
    # How long the labels are is up to the settings: status and experiment are a user's words.
    legend = ax.get_legend()
    if legend is None:
        return
    labels = [text.get_window_extent() for text in written if text is not None]
    texts = legend.get_texts()
    size = float(texts[0].get_fontsize())
    while size > _MIN_LEGEND and legend.get_window_extent().count_overlaps(labels):
        size -= 0.5
        for text in texts:
            text.set_fontsize(size)


def luminosity_text(invpb: float) -> str:
    r"""Return a luminosity in the unit in which it needs no rounding and few digits.

    >>> luminosity_text(1298.1), luminosity_text(1298100.0)
    ('1298.1 $\\mathrm{pb^{-1}}$', '1298.1 $\\mathrm{fb^{-1}}$')
    """
    value, unit = (invpb, "pb") if invpb < _MUCH_INVPB else (invpb / 1000, "fb")
    return rf"{value:.6g} $\mathrm{{{unit}^{{-1}}}}$"


def plain(text: str) -> str:
    r"""Return a user's text as matplotlib writes it literally: no formula, no control characters.

    What the font lacks becomes a question mark; the page has the text as it is.

    >>> print(plain("costs $5 or $6"))
    costs \$5 or \$6
    """
    line = " ".join(text.split())
    known = line.encode("latin-1", "replace").decode("latin-1")
    return "".join(c if c.isprintable() else "?" for c in known).replace("$", r"\$")


def shortened(text: str, length: int) -> str:
    """Return at most `length` characters of a text.

    >>> shortened("a long story", 8)
    'a lon...'
    """
    return text if len(text) <= length else text[: length - 3] + "..."


def legend(ax: Axes, **look: Any) -> None:
    """Write the legend, points with errors first, if there is anything to write in it."""
    from matplotlib.container import Container

    # Data come first, as in published figures, though they are drawn last to lie on top.
    handles, titles = ax.get_legend_handles_labels()
    entries = sorted(
        zip(handles, titles, strict=True), key=lambda entry: not isinstance(entry[0], Container)
    )
    if entries:
        ax.legend(*zip(*entries, strict=True), **{"loc": "upper right", **look})


def headroom(ax: Axes, contents: FloatArray, *, log: bool, floor: float | None = None) -> None:
    """Set the vertical range so that contents end below the labels and the legend.

    Everything that the legend lists must have been drawn.

    Parameters
    ----------
    ax : Axes
    contents : ndarray
        Everything that is drawn; what is not positive or not finite counts for nothing.
    log : bool
        Whether the scale is logarithmic.
    floor : float, optional
        Lower end of a logarithmic scale; by default a little below the lowest content.
    """
    filled = free_height(ax)
    positive = contents[np.isfinite(contents) & (contents > 0)]
    top = float(positive.max()) if positive.size else 1.0
    if not log:
        ax.set_ylim(0.0, top / filled)
        return
    low = floor if floor is not None else (float(positive.min()) / 2 if positive.size else 0.1)
    low = max(low, top / 1e8)
    # At least one decade, so that there are ticks to read values from. The limits come before the
    # scale: matplotlib warns of a logarithmic one that it would have to fit to nothing.
    high = low * max(10.0, math.pow(top / low, 1.0 / filled))
    ax.set_ylim(low, high)
    ax.set_yscale("log")
    # 4 x 10^1 and the like would push the axis' title out of the figure.
    if high >= _WIDE_NUMBER:
        ax.yaxis.set_minor_formatter(lambda *_: "")
    elif math.log10(high / low) < _FEW_DECADES:
        decimal_ticks(ax)


def decimal_ticks(ax: Axes) -> None:
    """Write the ticks of a logarithmic axis as decimal numbers, some between the powers of ten."""
    from matplotlib.ticker import LogLocator

    # Over less than two decades powers of ten alone would leave one number or none to read.
    low, high = ax.get_ylim()
    few = np.log10(high / low) < _FEW_DECADES
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.10g}")
    ax.yaxis.set_minor_formatter(lambda *_: "")


def free_height(ax: Axes) -> float:
    """Return the fraction of a frame's height that labels and legend leave to the contents."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    points = FontProperties(size=rcParams["legend.fontsize"]).get_size_in_points()
    height = ax.get_window_extent().height / ax.figure.dpi * 72
    spacing = 1 + rcParams["legend.labelspacing"]
    padding = 2 * (rcParams["legend.borderpad"] + rcParams["legend.borderaxespad"])
    rows = max(2, len(ax.get_legend_handles_labels()[0]))  # the labels take two
    return float(max(0.4, 1 - (rows * spacing + padding) * points / height))


def encode(figure: Figure, file_format: Literal["pdf", "png"]) -> bytes:
    """Return a figure as the bytes of a file, the same for the same figure whenever it is made."""
    buffer = io.BytesIO()
    with atlas_style():  # fonts are looked up when they are drawn
        if file_format == "pdf":
            nothing = dict.fromkeys(("CreationDate", "Creator", "Producer"))
            figure.savefig(buffer, format="pdf", metadata=nothing)
        else:
            _palette_png(figure, buffer)
    return buffer.getvalue()


def _palette_png(figure: Figure, buffer: io.BytesIO) -> None:
    """Write a PNG of 256 colours: within 2/255 of the full one at under half its size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    # Dithering would speckle flat fillings, and what is speckled compresses badly.
    reduced = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced.save(buffer, "png", compress_level=6)
