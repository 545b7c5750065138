"""Products say what made them."""

from tools.provenance import provenance


def test_provenance_names_time_versions_and_what_is_added() -> None:
    origin = provenance(seed=3)
    assert origin["seed"] == 3
    assert {"written", "host", "python", "versions", "git_commit"} <= set(origin)
    assert origin["versions"]["xyy"] == "0.1.0"
