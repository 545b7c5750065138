"""Photon files written by ROOT itself, for `test_root_files.py`: run by a Python that has ROOT.

``python root_files.py EVENTS.json FOLDER`` writes the events, lists of (pt, eta, phi) in GeV, in
the ways of the world: vectors of numbers and flags in folders, with two cycles and with dots in
their names; Lorentz vectors, split and whole; RNTuples.
"""

import json
import math
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ROOT

Event = Sequence[tuple[float, float, float]]
NAMES = ("pt", "eta", "phi")
NTUPLE = """
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleWriter.hxx>
using Lists = std::vector<std::vector<float>>;
void write_ntuple(const char* path, const char* tree, std::string before, float scale,
                  const Lists& pt, const Lists& eta, const Lists& phi) {
  auto model = ROOT::RNTupleModel::Create();
  auto a = model->MakeField<std::vector<float>>(before + "pt");
  auto b = model->MakeField<std::vector<float>>(before + "eta");
  auto c = model->MakeField<std::vector<float>>(before + "phi");
  auto writer = ROOT::RNTupleWriter::Recreate(std::move(model), tree, path);
  for (size_t i = 0; i < pt.size(); ++i) {
    *a = pt[i]; *b = eta[i]; *c = phi[i];
    for (auto& each : *a) each *= scale;
    writer->Fill();
  }
}"""


def vectors(
    path: Path, tree: str, before: str, events: Sequence[Event], *,
    scale: float = 1.0, energy: str = "", folder: str = "", mode: str = "RECREATE",
) -> None:  # fmt: skip
    """Write vectors of floats, a vector of flags, and event numbers above 2^63."""
    file = ROOT.TFile(str(path), mode)
    if folder:
        file.mkdir(folder).cd()
    out = ROOT.TTree(tree, tree)
    lists = {name: ROOT.std.vector("float")() for name in (*NAMES, "energy")}
    flags, number = ROOT.std.vector("bool")(), array("Q", [0])
    for name in NAMES:
        out.Branch(before + name, lists[name])
    if energy:
        out.Branch(energy, lists["energy"])
    out.Branch(before + "isTightID", flags)
    out.Branch("eventNumber", number, "eventNumber/l")
    for index, event in enumerate(events):
        for each in (*lists.values(), flags):
            each.clear()
        for pt, eta, phi in event:
            values = (pt * scale, eta, phi, pt * scale * math.cosh(eta))
            for name, value in zip(lists, values, strict=True):
                lists[name].push_back(value)
            flags.push_back(eta > 0)
        number[0] = 2**63 + index
        out.Fill()
    out.Write()
    file.Close()


def lorentz(
    path: Path, kind: str, make: Callable[..., Any], events: Sequence[Event], split: int
) -> None:
    """Write a vector of Lorentz vectors, split into its components or not."""
    file = ROOT.TFile(str(path), "RECREATE")
    out, vector = ROOT.TTree("events", "events"), ROOT.std.vector(kind)()
    out.Branch("photonp4", vector, 32000, split)
    for event in events:
        vector.clear()
        for each in event:
            vector.push_back(make(*each))
        out.Fill()
    out.Write()
    file.Close()


def four_vector(pt: float, eta: float, phi: float) -> Any:
    """Return a TLorentzVector."""
    vector = ROOT.TLorentzVector()
    vector.SetPtEtaPhiM(pt, eta, phi, 0.0)
    return vector


def polar(pt: float, eta: float, phi: float) -> Any:
    """Return a vector of ROOT::Math with polar components."""
    return ROOT.Math.PtEtaPhiMVector(pt, eta, phi, 0.0)


def cartesian(pt: float, eta: float, phi: float) -> Any:
    """Return one with Cartesian components."""
    return ROOT.Math.PxPyPzEVector(polar(pt, eta, phi))


def main(question: Path, folder: Path) -> None:
    """Write all files."""
    events = json.loads(question.read_text(encoding="utf-8"))
    vectors(folder / "2025.root", "analysis", "photon_", events, energy="photon_e")
    vectors(folder / "2020.root", "mini", "photon_", events, energy="photon_E", scale=1e3)
    vectors(
        folder / "deep.root", "analysis", "photon_", events, energy="photon_e", folder="ntuples"
    )
    vectors(folder / "dots.root", "CollectionTree", "AnalysisPhotonsAuxDyn.", events, scale=1e3)
    vectors(folder / "empty.root", "analysis", "photon_", [[]] * 50, energy="photon_e")
    vectors(folder / "cycles.root", "analysis", "photon_", events[:50], energy="photon_e")
    vectors(folder / "cycles.root", "analysis", "photon_", events, energy="photon_e", mode="UPDATE")
    lorentz(folder / "tlorentz.root", "TLorentzVector", four_vector, events, 0)
    lorentz(folder / "polar.root", "ROOT::Math::PtEtaPhiMVector", polar, events, 99)
    lorentz(folder / "cartesian.root", "ROOT::Math::PxPyPzEVector", cartesian, events, 99)
    lorentz(folder / "whole.root", "ROOT::Math::PtEtaPhiMVector", polar, events, 0)
    ROOT.gInterpreter.Declare(NTUPLE)
    lists = [ROOT.std.vector("std::vector<float>")() for _ in NAMES]
    for event in events:
        for index, each in enumerate(lists):
            each.push_back(ROOT.std.vector("float")([photon[index] for photon in event]))
    ROOT.write_ntuple(str(folder / "nano.root"), "Events", "Photon_", 1.0, *lists)
    physlite = str(folder / "physlite.root")
    ROOT.write_ntuple(physlite, "EventData", "AnalysisPhotonsAuxDyn:", 1e3, *lists)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
