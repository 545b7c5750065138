"""`make calibration`: what the shape search says of spectra whose truth is known.

=============  ==================================================================================
what           where
=============  ==================================================================================
truths         `truths`: spectra without a resonance, in the functions' families and outside them
toys           `background` (none), `injection` (a resonance), each with its own tournament;
               `frozen` (functions held: upcrossings, the look-elsewhere formula, errors)
no toys        `optimum`: expected significance and limit beside those of the ideal fit; `gain`:
               those of categories beside those of the best rectangular cuts
categories     `categories`: which part of background and signal six of a score have
all together   `plan`: what is thrown, one spectrum or six categories; `size`: how many toys;
               `campaigns`, through the pool of `tools.pool`
what is told   `checks` (observed, error, wanted), `report` (the document, and the page of it)
=============  ==================================================================================

Toy i of a campaign is a pure function of (seed, i). `python -m analysis.calibration` writes
``docs/statistics.json``, and with ``--categories`` ``docs/statistics_categories.json``; the page of
either is made of that file and of nothing else.
"""
