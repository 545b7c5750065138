"""What files say of themselves: who wrote their events, and whether they are real.

A file is copied, renamed and moved away from everything that was written beside it. So the mark is
in the file: the header of a generated CSV file calls the running index, which has no name in the
course's files, `GENERATED`, and every ROOT chunk has a tree with a title. Whoever reads columns by
name, with pandas or with this program, sees no difference, and a table that is read with pandas and
written again still has the mark.
"""

GENERATED = "generated_by_xyy"
"""title of a tree, or name of a column: the events were made up"""
CONVERTED = "converted_by_xyy"
"""title of a tree: a chunk of events that came from files"""
