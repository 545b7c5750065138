"""`xyy closure`: the analysis on many parallel universes, and how often it is right.

=============  ==================================================================================
what           where
=============  ==================================================================================
universes      `channels` (what a selection keeps), `worlds` (expected and drawn spectra)
the analysis   `analyse`: tournament, scan, global significance, measurement; `fits` (many at once)
the tasks      `work`: a batch of universes, some toys of a second look
all together   `campaign` (every task on any engine), `kept` (finished tasks on disk)
whole events   `chain`: `xyy run` on each universe, beside the analysis of its spectrum
what is told   `checks` (fractions with errors, and what is wanted), `report` (``closure.json``),
               `page` (Markdown, with the figures of `analysis.report.plots.closure`)
=============  ==================================================================================

Universe k is a pure function of (seed, k), analysed in batches whose boundaries are a constant, so
that neither the number of workers nor an interruption changes a number.
"""
