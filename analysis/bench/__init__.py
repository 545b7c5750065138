"""`xyy bench`: how fast the processor is, beside what else does the same, in one run.

===================  ============================================================================
what                 where
===================  ============================================================================
same events, ours    `ours`: chunks, Parquet and CSV, and many times the chunks as hard links; the
                     processor on them, through `tools.executors`
competitors          `competitors`: by hand (uproot, NumPy, boost-histogram), and with Polars,
                     DuckDB and pandas; they share no code with `processors`, and have to agree
how to measure       `measure`: one core, rounds, medians; executors, each in a new process
all together         `compare`, and `report` for what is told
===================  ============================================================================

Ratios are of rates, ours over theirs: above 1 the processor is faster. Rates of different runs are
not comparable, as machines are shared and change their clock; so everything is measured in turns.
"""
