"""How often the analysis is right: toys of known truths, and whole parallel universes.

================  ===============================================================================
what              where
================  ===============================================================================
both              `tasks` (an ensemble: how toys or universes are generated and analysed, and how
                  many; on any executor, kept when finished), `fits` (many at once), `fixed_model`
                  (a background function that is settled), `rates` (rates and pulls beside what was
                  wanted), `pages`
toys              `python -m analysis.validation`; `plan` says of what, and how
toys of them      `toys`, without a resonance and with one, each with its own model selection;
                  `categories`: which fractions of background and signal six of a score have
open spectra      `open_spectra`: toys of `xyy infer --spectrum`; `open_truths`: of which truths,
                  and what some sigma are; `spectra_report` (``spectra.json``)
several           `python -m analysis.validation --resonances`: `two_resonances` (campaigns,
                  toys, limits), claimed as `many_claims` does in many spectra at once;
                  `one_by_one`: some of them through the program itself
no toys           `sensitivity`: beside that of the ideal fit, and what categories gain
what is told      `toy_report` (``statistics.json``), `resonances_report` (``resonances.json``)
universes         `xyy closure` (`closure` writes it); `efficiencies` (what a selection keeps),
                  `universes` (expected and drawn spectra); with `--events` through the whole chain
                  of `xyy run`, beside the analysis of its spectrum (`from_events`)
the analysis      `analyse`: model selection, scan, global significance, measurement; the
                  verdicts, and whether they are right; of all universes of a campaign
what is told      `universe_report` (``closure.json``)
================  ===============================================================================

Toy i of a campaign is a pure function of (seed, i), universe k of (seed, k). What is done together
is a constant, so that neither the number of workers nor an interruption changes a number. A page is
made of its result file and of nothing else.
"""
