"""One folder, one analysis: the names of its files and what they say when read back.

Every stage reads what earlier stages left here and adds its own. The file that a stage writes last
is its record: ``provenance.inputs`` is the digest of all that the stage's products were made from,
``provenance.products`` the digest of each other file that it wrote. A stage is up to date when it
would be made from the same now, and all its products are there as they were written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.results.codec import Content, InFile, Result, from_json, to_json
from analysis.settings.search import Search
from processors.selection import Interval, Selection
from tools.digests import digest_document, digest_file
from tools.errors import InputError
from tools.json_file import read_json, read_sealed, write_sealed
from tools.provenance import provenance
from tools.samples import Catalogue
from tools.settings_table import Table

if TYPE_CHECKING:
    from analysis.results.freeze import ChangeLabel
    from analysis.results.ledger import Identity, Ledger
    from analysis.results.selection import ChosenSelection

SELECTION, SCORE = "selection.json", "score.json"
FREEZE, UNBLINDING = "freeze.json", "unblinding.json"
DECIDED = (SELECTION, FREEZE, UNBLINDING)
CUTFLOW, LEDGER, HISTOGRAMS = "cutflow.json", "ledger.json", "histograms.zip"
FREE = {SELECTION: ("cuts",)}
"""what a person may change in a result"""
PARTS = ("background", "counting", "scan", "limits")
"""result files of the inference beside the verdict, in the order in which they are written"""
VERDICT, CLAIM = "verdict.json", "claim.json"
RESULTS = (*(f"{part}.json" for part in PARTS), VERDICT)
PAGE, REPORT = "report.html", "report.json"
RECORDS = (SELECTION, LEDGER, VERDICT, REPORT)
"""what each stage writes last"""
LABEL_KEYS = ("after_unblinding", "changed_after_unblinding")
"""of result files, once something was changed after unblinding"""
PROCESSED = (LEDGER, CUTFLOW, HISTOGRAMS)
"""what `xyy process` writes, beside ``run.json``"""
SEARCHED = ("background.json", "scan.json", "limits.json", VERDICT, "workspaces", "figures")
"""what `xyy infer --spectrum` writes"""
PRODUCTS = (
    "run.json", SELECTION, SCORE, FREEZE, UNBLINDING, *PROCESSED, *SEARCHED,
    "counting.json", CLAIM, REPORT, PAGE,
)  # fmt: skip
"""what `xyy run` writes"""


@dataclass(frozen=True, slots=True)
class Folder:
    """The results folder of one analysis."""

    path: Path

    @property
    def histograms(self) -> Path:
        """Path of the histograms of all samples."""
        return self.path / HISTOGRAMS

    @property
    def checkpoints(self) -> Path:
        """Path of the folder of what each chunk gave."""
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        """Path of the folder of figures."""
        return self.path / "figures"

    @property
    def workspaces(self) -> Path:
        """Path of the folder of pyhf workspaces."""
        return self.path / "workspaces"

    def read(self, name: str, *, made_by: str) -> dict[str, Any]:
        """Return the JSON product `name`.

        Raises
        ------
        InputError
            If it is missing or damaged; the message names the command that makes it.
        """
        return read_sealed(self.path / name, made_by=f"xyy {made_by}", free=FREE.get(name, ()))

    def read_if_there(self, name: str) -> dict[str, Any] | None:
        """Return the JSON product `name`, or None if it is missing or damaged."""
        try:
            return self.read(name, made_by="")
        except InputError:
            return None

    def load(self, kind: type[Content], *, made_by: str) -> Content:
        """Return a result.

        Raises
        ------
        InputError
            If its file is missing, damaged, or does not hold it; the message names the command
            that makes it.
        """
        return from_json(kind, self.read(kind.FILE, made_by=made_by), self.path / kind.FILE)

    def load_if_there(self, kind: type[Content]) -> Content | None:
        """Return a result, or None if its file is missing or damaged.

        Raises
        ------
        InputError
            If the file is as it was written, and does not hold this result.
        """
        document = self.read_if_there(kind.FILE)
        return None if document is None else from_json(kind, document, self.path / kind.FILE)

    def save(self, result: InFile, *, label: "ChangeLabel | None" = None, **origin: Any) -> None:
        """Write a result with its provenance, to which `origin` is added, and its label."""
        self.write(result.FILE, labelled(result, label), **origin)

    def write(self, name: str, document: Mapping[str, Any], **origin: Any) -> None:
        """Write the JSON product `name` with its provenance, to which `origin` is added."""
        written = {**document, "provenance": provenance(**origin)}
        write_sealed(self.path / name, written, free=FREE.get(name, ()))

    def record(
        self, name: str, document: Mapping[str, Any], products: Iterable[str], **origin: Any
    ) -> None:
        """Write the record of a stage: `document`, and the digests of the stage's `products`."""
        written = {product: self.digest(product) for product in products}
        self.write(name, document, products=written, **origin)

    def digest(self, name: str) -> str | None:
        """Return the digest of a product's content, or None if it is missing or damaged.

        That of a JSON product is without provenance and label, which may be written again.
        """
        # Labels are added to results that are up to date: they must not make a stage out of date.
        path = self.path / name
        if path.suffix != ".json":
            return digest_file(path) if path.is_file() else None
        try:
            return digest_document(unlabelled(read_json(path, made_by="")))
        except InputError:
            return None

    def origin(self, name: str) -> dict[str, Any]:
        """Return ``provenance`` of a JSON product; empty if the product is missing or damaged."""
        origin = (self.read_if_there(name) or {}).get("provenance")
        return origin if isinstance(origin, dict) else {}

    def made_with(self, name: str, kind: type[Result]) -> Result | None:
        """Return what ``provenance`` says of how a product was made; None without that.

        Raises
        ------
        InputError
            If it says something else.
        """
        origin, names = self.origin(name), [each.name for each in fields(kind)]  # type: ignore[arg-type]
        if not origin.keys() & set(names):
            return None
        kept = {key: origin[key] for key in names if key in origin}
        return from_json(kind, kept, self.path / name)

    def written_with(self, record: str) -> dict[str, str]:
        """Return the digests of the products of a stage, as its record has them.

        Names that lead out of the folder are nobody's products.
        """
        # Records can be edited, and folders come from others; `remove_products` must never leave
        # its own.
        products = self.origin(record).get("products")
        named = products.items() if isinstance(products, dict) else ()
        return {name: digest for name, digest in named if _inside(name)}

    def lost(self, record: str) -> list[str]:
        """Return the products of a stage that are not there as they were written.

        The record itself is among them where it is missing, damaged, or without digests.
        """
        if not isinstance(self.origin(record).get("products"), dict):
            return [record]
        return [n for n, digest in self.written_with(record).items() if self.digest(n) != digest]

    def made_from(self, name: str) -> str | None:
        """Return ``provenance.inputs`` of a product, or None if there is none."""
        inputs = self.origin(name).get("inputs")
        return inputs if isinstance(inputs, str) else None

    def remove_products(self) -> None:
        """Remove what the stages wrote: their records last, and of these the freeze."""
        # Whoever is killed in here leaves records whose products are lost, and which nobody takes
        # for up to date. The unblinding goes before the freeze: without it data are blind.
        products = [name for record in RECORDS for name in self.written_with(record)]
        workspaces = [f"workspaces/{path.name}" for path in self.workspaces.glob("mass_*.json")]
        named = (PAGE, CLAIM, HISTOGRAMS, CUTFLOW, SCORE, *RESULTS, *reversed(RECORDS))
        for name in (*products, *workspaces, *named, UNBLINDING, FREEZE):
            (self.path / name).unlink(missing_ok=True)

    def selection(self) -> Selection:
        """Return the selection that `xyy optimise` chose (or a person wrote).

        Raises
        ------
        InputError
            If ``selection.json`` is missing, its cuts are not intervals, or `xyy optimise` wrote it
            otherwise.
        """
        self.read(SELECTION, made_by="optimise")
        return read_selection(self.path / SELECTION)

    def chosen_selection(self) -> "ChosenSelection | None":
        """Return what `xyy optimise` chose; None without that, or where a person wrote the cuts.

        Raises
        ------
        InputError
            If the file is as it was written, and holds something else.
        """
        from analysis.results.selection import ChosenSelection

        document = self.read_if_there(SELECTION)
        if document is None or document.keys() <= set(FREE[SELECTION]):
            return None
        return from_json(ChosenSelection, document, self.path / SELECTION)


class Project(NamedTuple):
    """A results folder with the settings that it is made with: what every stage works on."""

    folder: Folder
    catalogue: Catalogue
    search: Search


def _inside(name: str) -> bool:
    """Return whether a name is below the folder that it is of.

    >>> _inside("figures/scan.pdf"), _inside("../x"), _inside("/x")
    (True, False, False)
    """
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def labelled(result: InFile, label: "ChangeLabel | None") -> dict[str, Any]:
    """Return what the file of a result holds after a change."""
    return to_json(result) | ({} if label is None else to_json(label))


def unlabelled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without its label: what it was made from does not depend on it."""
    return {key: value for key, value in document.items() if key not in LABEL_KEYS}


def generated_samples(*records: "Identity | Ledger | None") -> tuple[str, ...]:
    """Return the simulated samples that are not real by any of ``run.json`` and ``ledger.json``."""
    known = (record.generated_samples for record in records if record is not None)
    return tuple(dict.fromkeys(chain.from_iterable(known)))


def read_selection(path: Path) -> Selection:
    """Read the cuts of a ``selection.json``.

    Raises
    ------
    InputError
        If the file is missing or its cuts are not of the form ``{COLUMN: {"min", "max"}}``; the
        message names the cut.
    """
    document = Table(read_json(path, made_by="xyy optimise"), f"{path}")
    try:
        cuts = document.tables("cuts", ("min", "max"))
        return Selection({name: _interval(cut) for name, cut in cuts.items()})
    except InputError as error:
        raise InputError(
            f'{error}; `cuts` must read {{"n_jets": {{"min": null, "max": 6}}, ...}}'
        ) from None


def _interval(cut: Table) -> Interval:
    """Read a cut, of which an end that is missing or null is open."""
    ends = {key: cut.number(key) for key, value in cut.content.items() if value is not None}
    try:
        return Interval(**ends)
    except ValueError as error:
        raise InputError(f"{cut.where}: {error}") from None
