"""The numbers of a figure, read off the figure itself.

Who wants to draw a figure again, or differently, finds in its JSON file what is drawn: every curve,
point, step and band with its title in the legend, and axes with titles, units and scales. The
numbers are those of the artists, so they cannot be others than those on the figure, and what a
figure may not show (the window of blind data) is in no file. Nothing else is in it: equal figures,
equal files.

A number that is not there is null. Titles are as matplotlib writes them (``$m_X$ [GeV]``).
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NotRequired, TypedDict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle, StepPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator

from tools.arrays import FloatArray

Curve = dict[str, Any]
"""its keys are those of its kind"""


class AxisData(TypedDict):
    """An axis of a frame."""

    title: str
    scale: str
    names: NotRequired[dict[str, float]]
    """ticks that are words"""


class FrameData(TypedDict):
    """Everything that a frame shows."""

    x: AxisData
    y: AxisData
    texts: list[str]
    curves: list[Curve]


class FigureData(TypedDict):
    """Everything that a figure shows."""

    frames: list[FrameData]


def figure_data(figure: Figure) -> FigureData:
    """Return everything that a figure shows, as JSON can hold it.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    dict
        ``frames``, a list from the first frame to the last. Each has ``x`` and ``y`` (``title``,
        ``scale``, and ``names`` of ticks that are words), ``texts`` and ``curves``. A curve has a
        ``title``, a ``kind``, and what that kind has: points and lines ``x`` and ``y``, points also
        ``x_low`` to ``y_high``, the ends of their errors; steps ``edges``, ``values`` and
        ``baseline``; bands ``x``, ``low`` and ``high`` (or ``y`` for ``x``); bars ``at``,
        ``width``, ``from`` and ``to``; ranges ``low`` and ``high``, levels a ``value``, on an
        ``axis``; contours a ``level`` and ``parts``.
    """
    shown = (ax for ax in figure.axes if ax.lines or ax.patches or ax.collections or ax.texts)
    return {"frames": [_frame(ax) for ax in shown]}


def is_figure_data(document: object) -> bool:
    """Return whether a JSON document is what `figure_data` returns of some figure."""
    if not isinstance(document, dict) or set(document) != {"frames"}:
        return False
    keys, frames = set(FrameData.__annotations__), document["frames"]
    return isinstance(frames, list) and all(
        isinstance(frame, dict) and set(frame) == keys for frame in frames
    )


def _frame(ax: Axes) -> FrameData:
    return {
        "x": _axis(ax.xaxis),
        "y": _axis(ax.yaxis),
        "texts": [text.get_text() for text in ax.texts if text.get_text()],
        "curves": list(_curves(ax)),
    }


def _axis(axis: Axis) -> AxisData:
    found: AxisData = {"title": axis.get_label_text(), "scale": axis.get_scale()}
    # Only ticks that a figure has placed itself can be words; others are numbers of the scale.
    if isinstance(axis.get_major_locator(), FixedLocator):
        places = axis.get_majorticklocs().tolist()
        words = axis.get_major_formatter().format_ticks(places)
        names = {word: at for at, word in zip(places, words, strict=True) if _is_name(word)}
        if names:
            found["names"] = names
    return found


def _is_name(word: str) -> bool:
    """Whether the text of a tick is not a number: 10^3 is written with letters too."""
    return any(c.isalpha() for c in word) and not word.startswith(r"$\mathdefault")


def _curves(ax: Axes) -> Iterator[Curve]:
    """Yield what is drawn in a frame; what belongs together (a point, its errors) once."""
    taken = {id(part) for container in ax.containers for part in container.get_children()}
    artists = chain[Any](ax.containers, ax.patches, ax.collections, ax.lines)
    for artist in (artist for artist in artists if id(artist) not in taken):
        read = next((read for kind, read in _READERS if isinstance(artist, kind)), None)
        curve = None if read is None else read(ax, artist)
        if curve is not None:
            yield _titled(artist, curve)


def _titled(artist: Any, curve: Curve) -> Curve:
    """Return a curve with its title in the legend, or what the program calls it."""
    # Without a title matplotlib invents one that begins with an underscore, such as "_child0".
    label = str(artist.get_label() or "")
    gid = artist.get_gid() if hasattr(artist, "get_gid") else None
    return {"title": (gid or "") if label.startswith("_") or not label else label, **curve}


def _numbers(values: Any) -> list[float | None]:
    array = np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
    return [None if not np.isfinite(value) else value for value in array.tolist()]


def _points(_: Axes, container: ErrorbarContainer) -> Curve:
    marked: Line2D | None = container.lines[0]
    bars = container.lines[2]
    found: Curve = {"kind": "points"}
    if marked is not None:  # bars have errors without points
        found |= {"x": _numbers(marked.get_xdata()), "y": _numbers(marked.get_ydata())}
    for bar in bars:
        # Where an error is not finite matplotlib leaves an empty segment: the places must agree.
        ends = np.array([s if len(s) else np.full((2, 2), np.nan) for s in bar.get_segments()])
        if not len(ends):
            continue
        along = 0 if np.array_equal(ends[:, 0, 1], ends[:, 1, 1]) else 1
        name = "xy"[along]
        found[f"{name}_low"] = _numbers(ends[:, 0, along])
        found[f"{name}_high"] = _numbers(ends[:, 1, along])
    return found


def _bars(_: Axes, container: BarContainer) -> Curve:
    corners = np.array([patch.get_bbox().extents for patch in container.patches])
    left, lower, right, upper = corners.reshape(-1, 4).T
    axis, low, high, start, end = (
        ("y", left, right, lower, upper)
        if container.orientation == "vertical"
        else ("x", lower, upper, left, right)
    )
    at, width = _numbers((low + high) / 2), _numbers(high - low)
    ends = {"from": _numbers(start), "to": _numbers(end)}
    return {"kind": "bars", "axis": axis, "at": at, "width": width, **ends}


def _steps(_: Axes, patch: StepPatch) -> Curve:
    values, edges, baseline = patch.get_data()
    base: Any = baseline  # None without a baseline, whatever its type says
    if base is not None:
        base = _numbers(np.broadcast_to(base, np.shape(values)))
    return {"kind": "steps", "edges": _numbers(edges), "values": _numbers(values), "baseline": base}


def _range(ax: Axes, box: Rectangle) -> Curve | None:
    """Return a span of one axis; other boxes are ornaments."""
    axis = _data_axis(ax, box)
    if axis is None:
        return None
    start, size = (box.get_x(), box.get_width()) if axis == "x" else (box.get_y(), box.get_height())
    return {"kind": "range", "axis": axis, "low": float(start), "high": float(start + size)}


def _data_axis(ax: Axes, artist: Line2D | Patch) -> str | None:
    """Return the one axis in whose units an artist is placed, or None if it is both or neither."""
    transform = artist.get_data_transform() if isinstance(artist, Patch) else artist.get_transform()
    in_x, in_y = transform.contains_branch_seperately(ax.transData)
    return None if in_x == in_y else "x" if in_x else "y"


def _line(ax: Axes, line: Line2D) -> Curve | None:
    x, y = _numbers(line.get_xdata()), _numbers(line.get_ydata())
    if not x:
        return None  # an entry of the legend
    axis = _data_axis(ax, line)
    if axis is not None:
        return {"kind": "level", "axis": axis, "value": x[0] if axis == "x" else y[0]}
    kind = "points" if line.get_linestyle() == "None" else "line"
    return {"kind": kind, "x": x, "y": y}


def _band(_: Axes, band: PolyCollection) -> Curve:
    parts = [_sides(path) for path in band.get_paths()]
    along = "x" if all(axis == "x" for axis, _ in parts) else "y"
    gap = np.full((3, 1), np.nan)  # between the parts
    pieces = [piece for _, sides in parts for piece in (gap, sides)]
    numbers = np.hstack(pieces[1:]) if pieces else np.empty((3, 0))
    names = (along, "low", "high")
    return {"kind": "band", **dict(zip(names, map(_numbers, numbers), strict=True))}


def _sides(path: Path) -> tuple[str, FloatArray]:
    """Return along which axis a band runs; and its places there, its lower and its upper side.

    Matplotlib makes it of a first point, one side, a last point, and the other side backwards.
    """
    corners = np.asarray(path.vertices, np.float64)
    corners = corners[: 2 * (len(corners) // 2)]  # the last one may repeat the first
    half = len(corners) // 2 - 1
    there, back = corners[1 : half + 1], corners[half + 2 :][::-1]
    along = 0 if np.array_equal(there[:, 0], back[:, 0]) else 1
    sides = there[:, 1 - along], back[:, 1 - along]
    return "xy"[along], np.array([there[:, along], np.minimum(*sides), np.maximum(*sides)])


def _contour(_: Axes, lines: ContourSet) -> Curve:
    parts = [
        {name: _numbers(np.asarray(part)[:, i]) for i, name in enumerate("xy")}
        for path in lines.get_paths()
        for part in path.to_polygons(closed_only=False)
    ]
    # Lines of several levels would share one title in the legend; figures draw each on its own.
    (level,) = lines.levels
    return {"kind": "contour", "level": float(level), "parts": parts}


_READERS: tuple[tuple[type, Callable[[Axes, Any], Curve | None]], ...] = (
    (ErrorbarContainer, _points), (BarContainer, _bars), (StepPatch, _steps), (Rectangle, _range),
    (PolyCollection, _band), (ContourSet, _contour), (Line2D, _line),
)  # fmt: skip
"""what reads the artists of each kind; others show no numbers"""
