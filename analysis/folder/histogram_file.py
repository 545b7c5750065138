"""``histograms.zip``: the histograms of all samples, in UHI's open format.

Each histogram is ``<sample>/<name>.json`` with its arrays as ``.npy`` beside it; any UHI library
reads them. Time stamps in the archive are fixed, so that equal content is equal bytes.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import hist
import uhi.io.zip

from processors.histograms import Counts
from tools.atomic import write_bytes
from tools.errors import InputError
from tools.foreign import ZIP_MARK

Histograms = Mapping[str, Mapping[str, Counts]]
"""Sample name to histogram name to histogram."""


class _Timeless(zipfile.ZipFile):
    """An archive whose entries all bear the format's first date, 1980-01-01."""

    def writestr(  # type: ignore[override] # a name is all that UHI gives
        self, name: str, data: bytes | str, *_args: object, **_options: object
    ) -> None:
        super().writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def write_histograms(path: Path, histograms: Histograms) -> None:
    """Write all histograms, whole or not at all."""
    buffer = io.BytesIO()
    with _Timeless(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for sample, named in histograms.items():
            for name, histogram in named.items():
                uhi.io.zip.write(archive, f"{sample}/{name}", histogram)
        archive.comment = ZIP_MARK
    write_bytes(path, buffer.getvalue())


def read_histograms(path: Path, *, only: str | None = None) -> dict[str, dict[str, Counts]]:
    """Read the histograms of all samples.

    Parameters
    ----------
    path : Path
    only : str, optional
        Name of the one histogram to read of every sample; all of them unless given.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    histograms: dict[str, dict[str, Counts]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                sample, _, name = entry.removesuffix(".json").partition("/")
                if entry.endswith(".json") and only in (None, name):
                    content = uhi.io.zip.read(archive, f"{sample}/{name}")
                    histograms.setdefault(sample, {})[name] = hist.Hist(content)
    # uhi checks little: a damaged archive comes out as whatever it stumbles on.
    except FileNotFoundError:
        raise InputError(f"{path} is not there; make it with `xyy process`") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}); make it with `xyy process`") from None
    return histograms
