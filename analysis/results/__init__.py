"""What the program found, typed: one dataclass tree for each result file.

Statistics return these, figures, page, exports and the game take them, and `codec` alone knows how
they stand in JSON. Arrays are NumPy arrays; a number that does not exist is None where that has a
meaning of its own (data are blind, nothing was fitted), and NaN in the row of a table. Keys and
units of the files are those of the attributes.
"""
