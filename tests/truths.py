"""What the events of a universe's two kinds are drawn from."""

from tools.recipe import Continuum, Resonance
from tools.universe import Truth


def resonance_of(truth: Truth) -> Resonance:
    """Return the spectrum of X."""
    assert isinstance(truth.signal.spectrum, Resonance)
    return truth.signal.spectrum


def continuum_of(truth: Truth) -> Continuum:
    """Return the spectrum of the background."""
    assert isinstance(truth.background.spectrum, Continuum)
    return truth.background.spectrum
