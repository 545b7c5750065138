"""`xyy bench`: how fast the processor is, beside what else does the same, in one run.

==============  =================================================================================
what            where
==============  =================================================================================
same events     `inputs`: chunks, Parquet and CSV, and many times the chunks as hard links
competitors     `loops` (by hand: uproot, NumPy, boost-histogram) and `tables` (Polars, DuckDB,
                pandas); they share no code with `processors`, and have to agree with it
ours            `ours`: the processor through `tools.executors`
how to measure  `measure` (one core, rounds, medians), `jobs` (executors, each in a new process)
all together    `compare`, and `report` for what is told
==============  =================================================================================

Ratios are of rates, ours over theirs: above 1 the processor is faster. Rates of different runs are
not comparable, as machines are shared and change their clock; so everything is measured in turns.
"""
