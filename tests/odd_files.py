"""Files that are damaged, or no photon files at all, with what is to be said of each."""

import gzip
import os
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from tests.photon_files import (
    add_tree,
    nanoaod,
    photons,
    write_parquet,
    write_rntuple,
    write_tree,
)

USED = {
    "Fotos für später.root": "root-ttree",
    "single.root": "root-ttree",
    "zero.root": "root-ttree",
}
MESSAGES = {
    "half.root": ("root", "is cut off (", "get it again"),
    "last100.root": ("root", "is cut off (", "get it again"),
    "basket.root": ("root-ttree", "cannot be read as ROOT (", "get it again"),
    "magic.root": ("unknown", "does not begin like a .root file", "get it again"),
    "empty.root": ("empty", "is empty (0 bytes)", "get the file again"),
    "zeros.root": ("zeros", "is nothing but zero bytes", "get it again"),
    "login.root": ("html", "is a web page (HTML or XML)", "download the file itself"),
    "cut.rntuple.root": ("root", "is cut off (", "get it again"),
    "cut.parquet": ("parquet", "cannot be read as Parquet (", "get it again"),
    "packed.csv.gz": ("gzip", "is a gzip file", "`gunzip`"),
    "prose.txt": ("csv", "no photon column of any is there", "[layouts.NAME]"),
    "column.csv": ("csv", "line 2, column phi2: 'oops' is not a number", "decimal point"),
    "noise.dat": ("unknown", "is a binary file", "write it as CSV, ROOT or Parquet"),
    "nan.root": (
        "root-ttree",
        "photons whose pt is NaN, infinite, negative or huge: 1",
        "remove",
    ),
    "inf.root": (
        "root-ttree",
        "photons whose pt is NaN, infinite, negative or huge: 1",
        "remove",
    ),
    "negative.root": (
        "root-ttree",
        "photons whose pt is NaN, infinite, negative or huge: 1",
        "remove",
    ),
    "GeV.root": ("root-ttree", "the median pT is 0.03", "if it is in GeV, describe it so"),
    "both.root": ("root-ttree", "several layouts fit: atlas-open-data-2020 (MeV), ", "--layout"),
    "nophi.root": ("root-ttree", "nanoaod misses Photon_phi (is it 'Photon_Phi'?)", "rename"),
    "histogram.root": ("root", "holds no TTree or RNTuple but h (TH1D)", "name a file"),
    "trees.root": ("root-ttree", "several trees hold photons as in nanoaod: nominal, shif", "own"),
    "folder": ("unreadable", "is a folder", "name the files in it"),
    "dangling.root": ("unreadable", "is a link that leads nowhere", "get the file again"),
    "pipe.root": ("unreadable", "is no regular file but a pipe", "write its content to a file"),
    "root://nowhere.example//a.root": ("unreadable", "cannot be fetched: no answer", "is it up?"),
    "whole.root": ("root-ttree", "same content as Fotos für später.root", "name one of them"),
    "root.parquet": ("root-ttree", "same content as Fotos für später.root", "name one of them"),
    "parquet.root": ("parquet", "events that are in Fotos für später.root, too", "use one of"),
    "rntuple.root": ("root-rntuple", "events that are in Fotos für später.root, too", "use one"),
    "cycles.root": ("root-ttree", "events that are in Fotos für später.root, too", "use one of"),
}


def values(made: dict[str, ak.Array], entry: int, value: float) -> dict[str, ak.Array]:
    """Return photons of which one has another pT."""
    pt = ak.to_list(made["pt"])
    pt[entry][0] = value
    return {**made, "pt": ak.values_astype(ak.Array(pt), "f4")}


def inverted_basket(path: Path) -> bytes:
    """Return a file with the bytes of one basket inverted."""
    content = bytearray(path.read_bytes())
    with uproot.open({str(path): None}) as file:
        branch = file["Events"]["Photon_pt"]
        start, size = branch.member("fBasketSeek")[0], branch.member("fBasketBytes")[0]
    for place in range(start + 80, start + size):
        content[place] ^= 0xFF
    return bytes(content)


def write_odd_files(folder: Path) -> None:
    """Write one of each kind, those of `USED` and of `MESSAGES`."""
    made = photons()
    columns, entry = nanoaod(made), int(np.flatnonzero(ak.num(made["pt"]) == 3)[4])
    whole = write_tree(folder / "whole.root", "Events", columns).read_bytes()
    parquet = write_parquet(folder / "parquet.root", columns).read_bytes()
    rntuple = write_rntuple(folder / "rntuple.root", "Events", columns).read_bytes()
    content = {
        "half.root": whole[: len(whole) // 2],
        "last100.root": whole[:-100],
        "basket.root": inverted_basket(folder / "whole.root"),
        "magic.root": b"toor" + whole[4:],
        "empty.root": b"",
        "zeros.root": bytes(5000),
        "login.root": b"<!DOCTYPE html><html>please log in</html>",
        "cut.rntuple.root": rntuple[: len(rntuple) * 9 // 10],
        "cut.parquet": parquet[: len(parquet) // 2],
        "root.parquet": whole,
        "packed.csv.gz": gzip.compress(b"pt1,eta1\n1,2\n"),
        "prose.txt": b"Dear all,\nthe files are on their way.\n",
        "column.csv": b"pt1,eta1,phi1,pt2,eta2,phi2\n9,0,0,9,0,oops\n",
        "noise.dat": bytes(range(256)) * 9,
        "Fotos für später.root": whole,
    }
    for name, each in content.items():
        (folder / name).write_bytes(each)
    for name, value in (("nan", np.nan), ("inf", np.inf), ("negative", -3.0)):
        write_tree(folder / f"{name}.root", "Events", nanoaod(values(made, entry, value)))
    mini = {f"photon_{name}": each for name, each in made.items()}
    write_tree(folder / "GeV.root", "mini", {**mini, "mcWeight": columns["genWeight"]})
    write_tree(folder / "both.root", "tree", mini)
    renamed = {**columns, "Photon_Phi": columns["Photon_phi"]}
    write_tree(
        folder / "nophi.root", "Events", {k: renamed[k] for k in renamed if k != "Photon_phi"}
    )
    single = {name: each[:, :1] for name, each in photons(seed=2).items()}
    write_tree(folder / "single.root", "Events", nanoaod(single))
    with uproot.recreate(folder / "histogram.root") as file:
        file["h"] = np.histogram([1.0, 2.0])
    with uproot.recreate(folder / "trees.root") as file:
        for name in ("nominal", "shifted"):
            add_tree(file, name, columns)
    with uproot.recreate(folder / "cycles.root") as file:
        add_tree(file, "Events", columns)
        add_tree(file, "Events", {name: each[:50] for name, each in columns.items()})
    write_tree(folder / "zero.root", "Events", {name: each[:0] for name, each in columns.items()})
    (folder / "folder").mkdir()
    (folder / "dangling.root").symlink_to("nowhere.root")
    os.mkfifo(folder / "pipe.root")
