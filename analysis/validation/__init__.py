"""How often the analysis is right: toys of known truths, and whole parallel universes.

================  ===============================================================================
what              where
================  ===============================================================================
both              `tasks` (on any engine, kept when finished), `columns` (arrays of many), `fits`
                  (many at once), `rates` (rates and pulls beside what was wanted), `pages`
toys              `python -m analysis.validation`; `plan` says what is thrown, `toy_campaigns` how
truths            `truths`: spectra without a resonance, in the functions' families and outside
                  them; `categories`: which part of background and signal six of a score have
toys of them      `background_toys` (without a resonance), `signal_toys`, each with its own
                  tournament; `fixed_model` (functions held: upcrossings, expected errors)
no toys           `sensitivity`: beside that of the ideal fit, and what categories gain
what is told      `toy_checks`, `toy_report` (``statistics.json``)
universes         `xyy closure`; `efficiencies` (what a selection keeps), `universes` (expected and
                  drawn spectra), `universe_tasks`, `universe_campaign`
the analysis      `analyse`: tournament, scan, global significance, measurement; `judged`: the
                  verdicts, and whether they are right
whole events      `chain`: `xyy run` on each universe, beside the analysis of its spectrum
what is told      `universe_report` (``closure.json``)
================  ===============================================================================

Toy i of a campaign is a pure function of (seed, i), universe k of (seed, k). What is done together
is a constant, so that neither the number of workers nor an interruption changes a number. A page is
made of its result file and of nothing else.
"""
