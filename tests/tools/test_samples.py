"""The samples file: weights by the course's arithmetic, and refusals that name the entry."""

from pathlib import Path

import pytest

from tools.checkout import find_settings
from tools.errors import InputError
from tools.samples import Catalogue, read_catalogue

ROOT = Path(__file__).parents[2]


def replaced(source: Path, folder: Path, old: str, new: str) -> Path:
    """Write a copy of `source` in which the first `old` reads `new`."""
    text = source.read_text()
    assert old in text
    path = folder / source.name
    path.write_text(text.replace(old, new, 1))
    return path


def test_weights_sum_to_the_courses_expected_events(catalogue: Catalogue) -> None:
    background, signal = catalogue.sample("background"), catalogue.sample("signal_500")
    assert 100_000 * catalogue.weight(background, 100_000) == pytest.approx(1_352_704.6, abs=0.05)
    assert 10_000 * catalogue.weight(signal, 10_000) == pytest.approx(1191.66, abs=0.005)


def test_hllhc_is_the_course_at_a_thousand_times_the_luminosity(catalogue: Catalogue) -> None:
    hllhc = read_catalogue(ROOT / "datasets" / "hllhc.toml")
    assert hllhc.luminosity_invpb == pytest.approx(1000 * catalogue.luminosity_invpb)
    assert hllhc.columns == catalogue.columns
    expected = hllhc.sample("background").expected_events(hllhc.data_luminosity_invpb)
    assert expected == pytest.approx(1.3527e9, rel=1e-4)


def test_the_arithmetic_is_spelt_out(catalogue: Catalogue) -> None:
    text = catalogue.arithmetic(catalogue.sample("signal_750"), 10_000)
    assert text == (
        "signal_750: 1298.1 / pb x 5.4 pb x 0.17 = 1,191.66 expected events;"
        " / 10,000 simulated = 0.119166 each"
    )


def test_data_weigh_one_and_have_no_expectation(catalogue: Catalogue) -> None:
    data = catalogue.sample("data")
    assert catalogue.weight(data, 7) == 1
    with pytest.raises(ValueError, match="data is data: it has no cross-section"):
        data.expected_events(1.0)


def test_a_file_belongs_to_the_sample_whose_pattern_it_matches(catalogue: Catalogue) -> None:
    assert catalogue.sample_of_file(Path("a/b/signal_500.csv")).name == "signal_500"
    assert catalogue.sample_of_file(Path("universe_3.csv")).name == "data"
    with pytest.raises(InputError, match=r"no sample .* known|write SAMPLE=other\.csv with one of"):
        catalogue.sample_of_file(Path("other.csv"))


def test_without_a_data_luminosity_the_data_have_that_of_the_simulation(tmp_path: Path) -> None:
    path = replaced(ROOT / "datasets/course.toml", tmp_path, 'data_luminosity = "1298.1 / pb"', "#")
    assert read_catalogue(path).data_luminosity_invpb == 1298.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('luminosity = "1298.1 / pb"', "luminosity = 1298.1", "luminosity: 1298.1 is not a lumin"),
        ('cross_section = "5.4 pb"', "cross_section = 5.4", r"\[samples.signal_500\], cross_sect"),
        ('cross_section = "5.4 pb"', 'cross_section = "5.4 pc"', "'pc' is not a unit"),
        ('mass = "500 GeV"', "mass = 500", r"\[samples.signal_500\], mass: 500 is not a"),
        ('mass = "500 GeV"', "", r"\[samples.signal_500\]: `mass` is missing"),
        (
            "filter_efficiency = 0.17",
            "filter_efficiency = 17",
            r"filter_efficiency: .* from 0 to 1, not 17",
        ),
        ('kind = "signal"', 'kind = "sginal"', r"'sginal' is none of .* \(is it 'signal'\?\)"),
        ('kind = "data"', 'kind = "data"\nmass = "1 GeV"', "unknown entry `mass`"),
        ('type = "int8"', 'type = "int4"', r"\[columns.n_jets\], type: 'int4' is none of"),
        (
            "bins = 25, low = 0",
            "bins = 0, low = 0",
            r"\[columns.n_jets.axis\], bins: write a number from 1 ",
        ),
        (
            "bins = 25, low = 0",
            'bins = "x", low = 0',
            "bins: write a number from 1 to 10000, not 'x'",
        ),
        ("axis = { bins = 25, low = 0, high = 25 }", "", r"\[columns.n_jets\]: `axis` is missing"),
        ("[samples.background]", '[samples."a/b"]', "a sample's name is made of letters"),
        ('collision_energy = "14 TeV"', 'colision_energy = "14 TeV"', "unknown entry `colision_en"),
        ('ignore = [""]', "ignore = [", r"course.toml: .*line"),
        (
            'ignore = [""]',
            'ignore = ["n_jets"]',
            r"ignore: 'n_jets' is declared, too, in \[columns.n",
        ),
        (
            'ignore = [""]',
            'ignore = "index"',
            r"course.toml, ignore: write a list of texts, not 'ind",
        ),
        ("filter_efficiency = 0.081", "filter_efficiency = 0", r"with 0 there are no events"),
        ("filter_efficiency = 0.17", 'filter_efficiency = "high"', r"from 0 to 1, not 'high'"),
        (
            "events = 10_000",
            "events = 0",
            r"\[samples.signal_500\], events: .* from 1 to 1e\+12, not 0",
        ),
        ("events = 10_000", 'events = "many"', r"events: write a number from .*, not 'many'"),
        ("events = 100_000", 'events = 9\nmass = "1 GeV"', r"background\]: unknown entry `mass`"),
        (
            'files = ["background.csv"',
            'files = "background.csv" # "',
            "files: write a list of texts",
        ),
        ('"signal_750.csv"', '"signal_500.csv"', r"'signal_500.csv' belongs to signal_500 already"),
        ("bins = 25, low = 0", "bins = 1.7, low = 0", r"bins: write a whole number, not 1.7"),
        ("bins = 25, low = 0", "bins = 2_000_000, low = 0", r"from 1 to 10000, not 2000000"),
        ("low = 0, high = 25", "low = 25, high = 25", r"axis\]: `low` \(25\) must be below"),
        ("low = 0, high = 25", "low = 0, high = inf", r"high: write a number from .*, not inf"),
        ('type = "int8"\nmin = 0', 'type = "int8"\nmin = 200', "200 leaves nothing that int8 can"),
        ("[columns.n_jets]", '[columns.""]', "a column needs a name of at most 100 char"),
        ("[columns.n_jets]", '[columns."n[1]"]', r"\[columns.\"n\[1\]\"\]: a column needs a name"),
        (
            'meaning = "number of jets"',
            "meaning = 3",
            r"n_jets\], meaning: write a text of one line",
        ),
        # what a number, a quantity or a text may be
        ("filter_efficiency = 0.17", 'filter_efficiency = "17 %"', r"from 0 to 1, not '17 %'"),
        ("filter_efficiency = 0.17", "filter_efficiency = nan", r"from 0 to 1, not nan"),
        ("filter_efficiency = 0.17", "filter_efficiency = 1979-05-27", r"not datetime.date\(1979"),
        ("filter_efficiency = 0.17", f"filter_efficiency = 0x{5000 * 'f'}", "thousands of digits"),
        ("axis = { bins = 25, low = 0, high = 25 }", "axis = 5", r"axis\]: must be a table, not 5"),
        (
            'type = "int8"\nmin = 0',
            'type = "int8"\nmin = "0 GeV"',
            r"n_jets\], min: .* not '0 GeV'",
        ),
        ('type = "int8"\nmin = 0', 'type = "int8"\nmin = nan', r"n_jets\], min: .* not nan"),
        ("low = 0, high = 25", "low = -1e308, high = 1e308", r"low: write a number from -1e.30 to"),
        (
            "low = 0, high = 25",
            "low = 1e20, high = 1.00000000001e20",
            "too narrow to be told apart",
        ),
        ("low = 0, high = 25", "low = 0, high = 1e-300", "too narrow to be told apart"),
        ("events = 10_000", "events = 1e18", r"events: .* from 1 to 1e.12, not 1e.18"),
        ('"5.4 pb"', '"1e308 mb"', "'1e308 mb' is no cross-section that there is; .* to 1e.15 pb"),
        ('"5.4 pb"', '"1e-30 pb"', "'1e-30 pb' is no cross-section that there is"),
        ('luminosity = "1298.1 / pb"', 'luminosity = "1e15 / pb"', r"1.04e.18 events are expected"),
        (
            'collision_energy = "14 TeV"',
            'collision_energy = "1e300 TeV"',
            "is no energy that there",
        ),
        ('meaning = "number of jets"', f'meaning = "{"x" * 501}"', "n_jets.*, at most 500 char"),
        (
            "[columns.n_jets]",
            f"[columns.{'n' * 101}]",
            r"n{60}...\]: a column needs a name of at m",
        ),
        ("[samples.background]", f"[samples.{'n' * 101}]", "a sample's name is made of letters"),
        (
            '["background.csv"',
            '["/data/*.csv"',
            r"background\], files: '/data/\*.csv' is no name or",
        ),
        ('["background.csv"', '[""', "files: '' is no name or pattern"),
        ('["background.csv"', '["."', "files: '.' is no name or pattern"),
        ('["background.csv"', '["**.csv"', "files: .* is no name or pattern"),
        ('["background.csv"', r'["a\u0000.csv"', "files: .* is no name or pattern"),
        ('["background.csv"', "[" + '"a", ' * 1001 + '"b"', "files: 1,004 texts are too many"),
        (
            'ignore = [""]',
            "ignore = [" + "[" * 3000 + "]" * 3001,
            "course.toml: .* nested too deep",
        ),
        ('ignore = [""]', 'ignore = [""]\nignore = []', "course.toml: Cannot overwrite .*line 13"),
        (
            'ignore = [""]',
            "a." * 5000 + "a = 1",
            "course.toml, line 12 has 10,005 characters; break",
        ),
        (
            'ignore = [""]',
            "ignore = 9" + "9" * 5000,
            "course.toml: Exceeds the limit .*; correct it",
        ),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_catalogue(replaced(ROOT / "datasets/course.toml", tmp_path, old, new))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\n\0", "line 2 holds a zero byte"),
        ("a = 1".encode("utf-16"), "line 1: the byte 0xff is not UTF-8"),
        (b'a = 1\nb = "\xe9"', "line 2: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"#" * 1000 + b"\n" * (1 << 20), "has more than 1 MB"),
    ],
)
def test_what_is_no_settings_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"mine.toml.*{message}"):
        read_catalogue(path)
    with pytest.raises(InputError, match="is a folder"):
        read_catalogue(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_settings(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "course.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "datasets/course.toml").read_bytes())
    assert read_catalogue(path).samples == catalogue.samples


def test_an_unknown_sample_is_refused_with_the_known_names(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="no sample 'x'; it declares: background, signal_500"):
        catalogue.sample("x")


def test_there_is_one_sample_of_observed_events(catalogue: Catalogue, tmp_path: Path) -> None:
    assert catalogue.observed().name == "data"
    source, entry = ROOT / "datasets/course.toml", '[samples.data]\nkind = "data"'
    two = f'[samples.more]\nkind = "data"\nfiles = []\n\n{entry}'
    with pytest.raises(InputError, match='several samples have kind = "data"; declare one'):
        read_catalogue(replaced(source, tmp_path, entry, two)).observed()


def test_good_data_are_named_beside_the_samples(tmp_path: Path) -> None:
    source, entry = ROOT / "datasets/course.toml", 'kind = "data"'
    path = replaced(source, tmp_path, entry, f'{entry}\ngood_data = "lists/good.json"')
    assert read_catalogue(path).observed().good_data == path.parent / "lists/good.json"
    assert read_catalogue(source).observed().good_data is None


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("data", "3", r"\[samples.data\], good_data: write a text of one line, .* not 3"),
        ("data", r'"a\u0000"', r"\[samples.data\], good_data: write a text of one line"),
        ("data", '""', r"good_data: write the name of a file, or leave the entry out"),
        ("background", '"good.json"', r"\[samples.background\]: unknown entry `good_data`; known"),
    ],
)
def test_good_data_that_are_refused(tmp_path: Path, kind: str, value: str, message: str) -> None:
    source, entry = ROOT / "datasets/course.toml", f'kind = "{kind}"'
    with pytest.raises(InputError, match=message):
        read_catalogue(replaced(source, tmp_path, entry, f"{entry}\ngood_data = {value}"))


def test_settings_are_looked_for_here_and_then_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_settings("datasets/course.toml") == ROOT / "datasets/course.toml"
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/course.toml").touch()
    assert find_settings("datasets/course.toml") == Path("datasets/course.toml")
    with pytest.raises(InputError, match=r"other\.toml is neither in"):
        find_settings("other.toml")
