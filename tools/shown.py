"""What a message shows of a value that is wrong: short, and without what no terminal shows."""

_LONGEST = 60
"""characters"""


def shown(value: object, longest: int = _LONGEST) -> str:
    """Return a value as a message may hold it.

    >>> shown("17 %"), shown("x" * 100, 5)
    ("'17 %'", "'xxxx...")
    >>> shown([16**5000])
    'a value with thousands of digits'
    """
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a value with thousands of digits"
    return shortened(text, longest)


def brief(name: str, longest: int = _LONGEST) -> str:
    r"""Return a name as a message may hold it, without quotes.

    >>> brief("n_jets"), brief("a" * 100, 5), brief(chr(27))
    ('n_jets', 'aaaaa...', '\\x1b')
    """
    return shortened(name if name.isprintable() else repr(name)[1:-1], longest)


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning.

    >>> shortened("n_jets", 6), shortened("n_jets", 3)
    ('n_jets', 'n_j...')
    """
    return text if len(text) <= longest else f"{text[:longest]}..."
