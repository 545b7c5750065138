"""Files that are refused: each with its message, exit code 2, and nothing left behind."""

import codecs
import gzip
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from tools.convert import convert
from tools.csvdiagnosis import diagnose
from tools.errors import InputError
from tools.manifest import read_manifest
from tools.sample_chunks import chunks_key
from tools.samples import Catalogue, read_catalogue

HEADER = (
    ",photon1_pT,photon2_pT,photon1_phi,photon2_phi,photon1_eta,photon2_eta,dEta,n_jets,"
    "average_jet_pT,lead_jets_dPhi,n_leptons,photon1_isolation,photon2_isolation,missing_energy"
)
ROW = "0,222.06,254.44,0.73,3.41,-1.16,-1.82,0.65,3.0,149.02,1.11,2.0,0.66,0.72,0.04"
FIELDS = HEADER.split(",")


def text(*rows: str, header: str = HEADER, end: str = "\n") -> bytes:
    return ("\n".join([header, *rows]) + end).encode()


def row(**cells: str) -> str:
    """Return a good row in which some cells are replaced."""
    return ",".join(
        cells.get(name, cell) for name, cell in zip(FIELDS, ROW.split(","), strict=True)
    )


def refused(
    catalogue: Catalogue, tmp_path: Path, content: bytes, message: str, name: str = "signal_500.csv"
) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        convert(catalogue, [(None, path)], out)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_the_good_file_is_accepted(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "signal_500.csv"
    path.write_bytes(text(ROW, row(n_jets="4")))
    assert convert(catalogue, [(None, path)], tmp_path / "out").samples["signal_500"].entries == 2


CELLS = {
    "text": ({"dEta": "wide"}, r"line 3, column dEta: 'wide' is not a number; write one"),
    "long text": ({"dEta": "x" * 1000}, r"column dEta: 'x{60}\.\.\.' is not a number"),
    "text in an ignored field is fine, the next is not": (
        {"": "first", "n_jets": "many"},
        r"line 3, column n_jets: 'many' is not a number",
    ),
    "empty": ({"photon2_pT": ""}, r"line 3, column photon2_pT: the cell is empty; every event"),
    "blank": ({"photon2_pT": "  "}, r"line 3, column photon2_pT: the cell is empty"),
    "NA": ({"photon2_pT": "NA"}, r"line 3, column photon2_pT: 'NA' is not a number"),
    "NaN": ({"missing_energy": "NaN"}, r"line 3, column missing_energy: 'NaN' is not a number \(N"),
    "inf": ({"photon1_eta": "-inf"}, r"line 3, column photon1_eta: '-inf' is infinite"),
    "beyond float64": ({"photon1_eta": "1e999"}, r"'1e999' is infinite or too large for a float64"),
    "beyond float32": ({"photon1_eta": "1e39"}, r"'1e39' does not fit into float32 .*wider `type`"),
    "negative pT": (
        {"photon1_pT": "-3.5"},
        r"line 3, column photon1_pT: '-3.5' is below the minimum 0; .*\[columns.photon1_pT\]",
    ),
    "fraction": ({"n_jets": "3.5"}, r"line 3, column n_jets: '3.5' is not a whole number.*int8"),
    "beyond int8": ({"n_leptons": "128"}, r"'128' does not fit into int8 \(0 to 127\)"),
    "decimal comma, quoted": (
        {"dEta": '"0,65"'},
        r"line 3, column dEta: '0,65' has a decimal comma; write decimals with a point",
    ),
    "not ASCII digits": ({"dEta": "\N{ARABIC-INDIC DIGIT THREE}"}, r"dEta: '.' is not a number"),
    "underscore": ({"dEta": "1_0"}, r"dEta: '1_0' is not a number"),
    "open quote": ({"dEta": '"0.65'}, r"line 3"),
}


@pytest.mark.parametrize("case", CELLS)
def test_bad_cells(catalogue: Catalogue, tmp_path: Path, case: str) -> None:
    cells, message = CELLS[case]
    refused(catalogue, tmp_path, text(ROW, row(**cells), ROW), message)


FILES = {
    "0 bytes": (b"", r"is empty \(0 bytes\); get the file again"),
    "header only": (text(), r"holds a header and no events"),
    "header without line end": (text(end=""), r"no line end in its first 1\d\d bytes"),
    "header and empty lines": (text("", "", ""), r"holds no events; get it again"),
    "old Mac line ends": (text(ROW).replace(b"\n", b"\r"), r"no line end in its first"),
    "no header": (text(ROW, header=ROW), r"line 1 holds numbers; the first line must name"),
    "repeated field": (
        text(ROW, header=HEADER.replace("photon2_phi", "photon1_phi")),
        r"line 1: 2 fields are called 'photon1_phi'; give each a name",
    ),
    "cut in the line": (
        text(ROW, ROW[:30], end=""),
        r"line 3: the last line has 6 fields where the header has 15: the file is cut off",
    ),
    "cut in the line, then a line end": (
        text(ROW, ROW[:30]),
        r"line 3 has 6 fields where the header has 15: the line is cut off; get the file again",
    ),
    "cut in the last number": (
        text(ROW, ROW[:-1], end=""),
        r"line 3: the last line has no line end: the file may be cut off .* add a line end",
    ),
    "semicolons": (
        text(ROW.replace(",", ";"), header=HEADER.replace(",", ";")),
        r"line 1: fields are separated by ';'; separate them by commas",
    ),
    "tabs": (
        text(ROW.replace(",", "\t"), header=HEADER.replace(",", "\t")),
        r"line 1: fields are separated by '\\t'",
    ),
    "decimal commas": (
        text(ROW, ROW.replace(".", ",")),
        r"line 3 has 29 fields where the header has 15; write decimals with a point",
    ),
    "UTF-16": (text(ROW).decode().encode("utf-16"), r"is UTF-16 text, not CSV; save it as UTF-8"),
    "UTF-16, big end first": (
        codecs.BOM_UTF16_BE + text(ROW).decode().encode("utf-16-be"),
        r"is UTF-16 text",
    ),
    "UTF-16 without a mark": (text(ROW).decode().encode("utf-16-le"), r"is UTF-16 text"),
    "Latin-1": (text(ROW, header=HEADER + ",\xe9t\xe9").decode().encode("latin-1"), r"not UTF-8"),
    "HTML": (b"\n<!DOCTYPE html>\n<html><body>404</body></html>\n", r"is a web page"),
    "gzip": (gzip.compress(text(ROW)), r"is a gzip file, not CSV; unpack it first"),
    "zip": (b"PK\x03\x04" + bytes(50), r"is a zip or Excel file, not CSV"),
    "binary": (bytes(range(256)) * 10, r"is a binary file, not CSV"),
    "a line without end": (
        text(ROW) + b"x" * 5_000_000 + b"\n",
        r"no line end in 1,048,576 bytes from byte 252 on: it is no CSV",
    ),
    "field beyond what csv can read": (
        text(ROW, row(dEta='"' + "x" * 200_000 + '"')),
        r"line 3 cannot be read as CSV",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files(catalogue: Catalogue, tmp_path: Path, case: str) -> None:
    content, message = FILES[case]
    refused(catalogue, tmp_path, content, message)


def test_missing_column(catalogue: Catalogue, tmp_path: Path) -> None:
    content = text(ROW, header=HEADER.replace("dEta", "DEta"))
    message = (
        r"lacks the column dEta of .*course.toml \(is it 'DEta'\? then rename it\); it has: ''"
    )
    refused(catalogue, tmp_path, content, message)
    content = text(ROW.removesuffix(",0.04"), header=HEADER.removesuffix(",missing_energy"))
    refused(catalogue, tmp_path, content, r"lacks the column missing_energy of .*; add it; it has")


def test_undeclared_column_with_the_lines_that_declare_or_ignore_it(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """The lines in the message are pasted into a samples file, and then they work."""
    header = f"{HEADER},weight,vertex z"
    path, out = tmp_path / "signal_500.csv", tmp_path / "out"
    path.write_bytes(text(f"{ROW},1.5,7", f"{ROW},2.5,8", header=header))
    with pytest.raises(
        InputError, match=r"'weight', 'vertex z' not declared in .*course.toml"
    ) as e:
        convert(catalogue, [(None, path)], out)
    message = str(e.value)
    assert '\n    ignore = ["", "weight", "vertex z"]' in message
    declaration = textwrap.dedent(
        message[message.index("    [columns.") : message.index("To leave")]
    )
    assert declaration.startswith('[columns.weight]\nunit = "1"\ntype = "float32"\n')

    settings = catalogue.path.read_text(encoding="utf-8")
    ignoring = settings.replace('ignore = [""]', 'ignore = ["", "weight", "vertex z"]')
    declaring = settings.replace('ignore = [""]', 'ignore = ["", "vertex z"]') + declaration
    for name, content, count in (("ignore", ignoring, 14), ("declare", declaring, 15)):
        own = tmp_path / f"{name}.toml"
        own.write_text(content, encoding="utf-8")
        manifest = convert(read_catalogue(own), [("signal_500", path)], tmp_path / name)
        assert len(manifest.columns) == count
        assert manifest.samples["signal_500"].entries == 2


def test_undeclared_column_whose_name_needs_quotes(catalogue: Catalogue, tmp_path: Path) -> None:
    content = text(f"{ROW},1", header=f"{HEADER},Unnamed: 0")
    refused(catalogue, tmp_path, content, r'\[columns\."Unnamed: 0"\]')


def test_the_first_bad_cell_is_named_wherever_the_blocks_end(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    rows = [ROW] * 60_000  # about 5 MB: several blocks, parsed at the same time
    rows[41_234] = row(dEta="oops")
    rows[41_235] = row(photon1_pT="oops too")
    rows[59_999] = row(photon1_pT="nan")
    rows[20_000] = ""  # an empty line, which counts as a line
    message = r"line 41236, column dEta: 'oops' is not a number"
    refused(catalogue, tmp_path, text(*rows).replace(b"\n", b"\r\n"), message)


def test_what_only_the_fast_reader_minds(catalogue: Catalogue) -> None:
    """The diagnosis then gives the fast reader's reason, rather than none."""
    lines = f"{ROW}\n\n{ROW}\n".encode()
    error = diagnose(Path("a.csv"), tuple(FIELDS), catalogue.columns, lines, 17, "a reason")
    assert str(error) == "a.csv, from line 17 on: a reason; correct the file or get it again"


def test_two_files_of_a_sample_with_different_headers(catalogue: Catalogue, tmp_path: Path) -> None:
    first, second, out = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "out"
    first.write_bytes(text(ROW))
    second.write_bytes(text(ROW.removeprefix("0,"), header=HEADER.removeprefix(",")))
    inputs = [("signal_500", first), ("signal_500", second)]
    with pytest.raises(
        InputError, match=r"a\.csv and .*b\.csv, both of signal_500, have different"
    ) as e:
        convert(catalogue, inputs, out)
    assert "(only the first has '')" in str(e.value)
    second.write_bytes(text(ROW, header=HEADER.replace("1_phi,photon2", "2_phi,photon1")))
    with pytest.raises(InputError, match=r"different headers \(the order differs\); write them"):
        convert(catalogue, inputs, out)
    assert not out.exists()


def test_a_file_twice(catalogue: Catalogue, tmp_path: Path) -> None:
    first, second, out = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "out"
    for path in (first, second):
        path.write_bytes(text(ROW))
    for other in ("signal_500", "signal_750"):
        with pytest.raises(
            InputError, match=rf"a\.csv of signal_500 and b\.csv of {other} have the same content, "
        ):
            convert(catalogue, [("signal_500", first), (other, second)], out)
        link = tmp_path / "link.csv"
        link.unlink(missing_ok=True)
        link.symlink_to(first)
        with pytest.raises(InputError, match=rf"given twice, for signal_500 and for {other}:"):
            convert(catalogue, [("signal_500", first), (other, link)], out)
    assert not (out / "manifest.json").exists()
    manifest = convert(catalogue, [("signal_500", first)], out)
    with pytest.raises(InputError, match=r"a\.csv of signal_500 and b\.csv of signal_750 have"):
        convert(catalogue, [("signal_750", second)], out)
    assert read_manifest(out) == manifest
    assert convert(catalogue, [("signal_500", second)], out).samples.keys() == {"signal_500"}


def test_a_bad_second_sample_leaves_nothing_of_the_first(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    good, bad, out = tmp_path / "signal_500.csv", tmp_path / "signal_750.csv", tmp_path / "out"
    good.write_bytes(text(ROW))
    bad.write_bytes(text(ROW, row(n_jets="nan")))
    with pytest.raises(InputError, match=r"signal_750\.csv, line 3, column n_jets: 'nan'"):
        convert(catalogue, [(None, good), (None, bad)], out)
    # What was finished is kept for the next time, out of sight.
    assert [path.name for path in out.iterdir()] == [".xyy.files"]
    bad.write_bytes(text(ROW, row(n_jets="3")))
    convert(catalogue, [(None, good), (None, bad)], out)
    assert not (out / ".xyy.files").exists()


def test_samples_that_nobody_declared(catalogue: Catalogue, tmp_path: Path) -> None:
    refused(catalogue, tmp_path, text(ROW), r"no sample .* has a file of this name", "higgs.csv")
    with pytest.raises(InputError, match=r"no sample 'higgs'; it declares: background, signal_500"):
        convert(catalogue, [("higgs", tmp_path / "higgs.csv")], tmp_path / "out")


def test_paths_that_are_no_files(catalogue: Catalogue, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"is not there; check its name and folder"):
        convert(catalogue, [("data", tmp_path / "nothing.csv")], out)
    with pytest.raises(InputError, match=r"is a folder; name the files in it"):
        convert(catalogue, [("data", tmp_path)], out)
    with pytest.raises(InputError, match=r"nothing.csv is not there; check its name"):
        chunks_key(catalogue, catalogue.sample("data"), [tmp_path / "nothing.csv"])
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match=r"loop.csv cannot be read \(.*\); check its permissions"):
        convert(catalogue, [("data", loop)], out)
    assert not out.exists()


def test_refused_without_the_heavy_libraries(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "signal_500.csv"
    path.write_bytes(text(ROW, header=HEADER.replace("dEta", "DEta")))
    code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from tools.convert import convert
        from tools.errors import InputError
        from tools.samples import read_catalogue
        try:
            convert(read_catalogue(Path({str(catalogue.path)!r})), [(None, Path({str(path)!r}))],
                    Path({str(tmp_path / "out")!r}))
        except InputError:
            print(sorted({{"uproot", "awkward", "pyarrow", "pandas", "coffea"}} & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- ROOT and Parquet ----------------------------------------------------------------------------


def good_arrays(catalogue: Catalogue, events: int = 5) -> dict[str, np.ndarray]:
    return {
        column.name: np.arange(1, events + 1, dtype="int32" if column.is_integer else "float64")
        for column in catalogue.columns
    }


def write_root(path: Path, trees: dict[str, dict[str, np.ndarray]]) -> None:
    with uproot.recreate(path) as file:
        for name, arrays in trees.items():
            file.mktree(name, {key: (a.dtype, a.shape[1:]) for key, a in arrays.items()})
            file[name].extend(arrays)


def write_parquet(path: Path, arrays: dict[str, object]) -> None:
    pq.write_table(pa.table(arrays), path)


def refused_table(catalogue: Catalogue, path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        convert(catalogue, [("signal_500", path)], path.parent / "out")
    assert str(path) in str(caught.value)
    assert not (path.parent / "out").exists()


Spoil = Callable[[dict[str, np.ndarray]], object]


def spoil(name: str, value: float) -> Spoil:
    def put(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name].astype("float64")
        arrays[name][3] = value

    return put


TABLES: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda a: a.pop("n_jets"), r"lacks the column n_jets"),
    "undeclared": (lambda a: a.update(weight=a["dEta"]), r"'weight' not declared"),
    "NaN": (spoil("dEta", np.nan), r"entry 3 \(from 0\), column dEta: nan is not a number"),
    "infinity": (spoil("dEta", np.inf), r"entry 3 \(from 0\), column dEta: inf is infinite"),
    "negative": (
        spoil("photon1_pT", -2.5),
        r"entry 3 .*, column photon1_pT: -2.5 is below the min",
    ),
    "fraction": (spoil("n_jets", 2.5), r"entry 3 .*, column n_jets: 2.5 is not a whole number"),
    "int8": (spoil("n_jets", 300), r"entry 3 .*, column n_jets: 300.0 does not fit into int8"),
    "float32": (spoil("dEta", 1e39), r"entry 3 .*, column dEta: 1e\+39 does not fit into float32"),
    "empty": (lambda a: a.update({k: v[:0] for k, v in a.items()}), r"holds no events"),
    "truth": (lambda a: a.update(n_jets=a["n_jets"] > 2), r"n_jets holds no plain numbers \(bool"),
}


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("kind", ["root", "parquet"])
def test_bad_tables(catalogue: Catalogue, tmp_path: Path, case: str, kind: str) -> None:
    change, message = TABLES[case]
    arrays = good_arrays(catalogue)
    change(arrays)
    path = tmp_path / f"a.{kind}"
    if kind == "root":
        write_root(path, {"Events": arrays})
    else:
        write_parquet(path, dict(arrays))
    refused_table(catalogue, path, message)


def test_bad_entry_is_counted_over_batches(catalogue: Catalogue, tmp_path: Path) -> None:
    arrays = good_arrays(catalogue, 250_000)
    arrays["n_jets"] = arrays["n_jets"] % 10
    arrays["n_leptons"] = arrays["n_leptons"] % 10
    arrays["dEta"][223_456] = -1
    write_root(tmp_path / "a.root", {"Events": arrays})
    write_parquet(tmp_path / "a.parquet", dict(arrays))
    for path in (tmp_path / "a.root", tmp_path / "a.parquet"):
        refused_table(catalogue, path, r"entry 223456 \(from 0\), column dEta: -1.0 is below")


def test_parquet_of_other_types(catalogue: Catalogue, tmp_path: Path) -> None:
    arrays = good_arrays(catalogue)
    path = tmp_path / "a.parquet"
    write_parquet(path, {**arrays, "dEta": pa.array([1.0, 2.0, None, 4.0, 5.0])})
    refused_table(
        catalogue, path, r"entry 2 \(from 0\), column dEta: the value is missing \(null\)"
    )
    write_parquet(path, {**arrays, "dEta": pa.array(list("abcde"))})
    refused_table(catalogue, path, r"column dEta holds no plain numbers")
    schema = pa.schema([("dEta", pa.float64())] * 2)
    pq.write_table(pa.Table.from_arrays([pa.array([1.0])] * 2, schema=schema), path)
    refused_table(catalogue, path, r"more than one column called 'dEta'; rename or remove one")


def test_root_with_other_things(catalogue: Catalogue, tmp_path: Path) -> None:
    arrays, path = good_arrays(catalogue), tmp_path / "a.root"
    write_root(path, {"low": arrays, "high": arrays})
    refused_table(
        catalogue, path, r"holds several trees \(low, high\); call the one to convert `Ev"
    )
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1.0, 2.0])
    refused_table(
        catalogue, path, r"holds no TTree or RNTuple but h \(TH1D\); name a file with flat"
    )
    with uproot.recreate(path):
        pass
    refused_table(catalogue, path, r"holds no TTree or RNTuple but nothing")
    jagged = {**arrays, "dEta": np.ones((5, 2))}
    write_root(path, {"Events": jagged})
    refused_table(catalogue, path, r"column dEta holds no plain numbers")


def test_damaged_tables(catalogue: Catalogue, tmp_path: Path) -> None:
    arrays = good_arrays(catalogue, 100)
    root, parquet = tmp_path / "a.root", tmp_path / "a.parquet"
    write_root(root, {"Events": arrays})
    write_parquet(parquet, dict(arrays))
    whole = {path: path.read_bytes() for path in (root, parquet)}
    root.write_bytes(whole[root][:-100])  # uproot reads this without a word
    refused_table(catalogue, root, r"a\.root is cut off \([\d,]+ of [\d,]+ bytes\); get it again")
    root.write_bytes(whole[root][:60])
    refused_table(
        catalogue, root, r"a\.root cannot be read as ROOT \(.*\): it is damaged|is cut off"
    )
    parquet.write_bytes(whole[parquet][:-100])
    refused_table(catalogue, parquet, r"a\.parquet cannot be read as Parquet \(.*\): it is damaged")
    for path, content in whole.items():
        path.write_bytes(b"XXXX" + content[4:])
        refused_table(catalogue, path, rf"does not begin like a \{path.suffix} file; get it again")


@pytest.mark.parametrize("suffix", [".root", ".parquet"])
def test_a_login_page_under_another_name(catalogue: Catalogue, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"signal_500{suffix}"
    path.write_text("<!DOCTYPE html><html>please log in</html>\n")
    refused_table(catalogue, path, r"is a web page .*, not what its name says; download the file")


# ---- the folder ----------------------------------------------------------------------------------


def good_file(tmp_path: Path) -> Path:
    path = tmp_path / "signal_500.csv"
    path.write_bytes(text(ROW))
    return path


def test_manifest_of_other_columns(catalogue: Catalogue, tmp_path: Path) -> None:
    path, out = good_file(tmp_path), tmp_path / "out"
    convert(catalogue, [(None, path)], out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    other = replace(catalogue, columns=catalogue.columns[:-1], ignore=("", "missing_energy"))
    with pytest.raises(InputError, match=r"manifest.json declares other columns; choose another"):
        convert(other, [(None, path)], out)
    assert before == {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}


def test_other_files_are_not_replaced(catalogue: Catalogue, tmp_path: Path) -> None:
    """`--out .` with a sample called like a folder of the user's."""
    path, out = good_file(tmp_path), tmp_path / "out"
    (out / "signal_500").mkdir(parents=True)
    (out / "signal_500" / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"signal_500 holds thesis.tex, which is no chunk"):
        convert(catalogue, [(None, path)], out)
    (out / "signal_750").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"signal_750 is a file where the chunks of signal_750"):
        convert(catalogue, [("signal_750", path)], out)
    left = sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    assert left == [re.escape("signal_500") + "/thesis.tex", "signal_750"]
