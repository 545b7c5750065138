"""Expressions in the columns of events, such as ``"1.37 <= abs(eta) < 1.52 or not isTightID"``.

What a user writes in a settings file or on the command line is text from outside. It is read with
Python's own parser, of whose language this is a small part, and never by `eval`: numbers, names,
``+ - * / % **``, comparisons (also ``a <= x < b``), ``and or not``, brackets, and a closed list of
functions (`operations`).

===============  ===============================================================================
`grammar`        text to a tree; whatever is not in the language is refused with its place
`quantities`     what each part is: a number or a truth, of an event or each photon, in a unit
`operations`     the operators and functions: what they take, give, and compute
`evaluation`     the values, for many events at once; what has none is marked as such
`tautologies`    requirements that are true or false whatever the columns hold
===============  ===============================================================================

Everything that can be known without events is refused before the first one.
"""

from processors.expressions.evaluation import Evaluation, Found
from processors.expressions.expression import Expression, parse
from processors.expressions.grammar import ExpressionError
from processors.expressions.quantities import Quantity
from processors.expressions.tautologies import always

__all__ = ["Evaluation", "Expression", "ExpressionError", "Found", "Quantity", "always", "parse"]
