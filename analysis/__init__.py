"""Histograms in, numbers and figures out: from spectra to the verdict, and the command `xyy`.

============  ===================================================================================
package       what is in it
============  ===================================================================================
commands      the commands of `xyy`, thin; `console` tells how far they are
settings      what a user decides: search file, samples and spectrum options, own functions
statistics    from spectra to significance, measurement, limits and verdict
selection     cuts, scores, and the choice between them
folder        a results folder: its files, freeze and unblinding, their history
results       what each result file holds, typed, and the codec that reads and writes it
workflow      the stages of `xyy run`, what each depends on, and their state
report        figures, page and terminal summary
validation    the statistics on toys of known truth, the whole analysis on parallel universes
export        results for other programs
game          sealed universes, claims, scores
bench         speed, side by side
============  ===================================================================================
"""
