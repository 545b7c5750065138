"""Scores: one number per event that tells signal from background, and categories in it.

====================  ===========================================================================
what                  where
====================  ===========================================================================
the sample            `training`: cells of the joint histograms, their columns, their halves
a score               `likelihood_ratio`: smoothed one-dimensional densities
what they are worth   `figure_of_merit`: combined s of categories, one cut, the bound
categories            `figure_of_merit`, too: edges by dynamic programming, the exact optimum
which score           `choose`: that or boosted trees, out-of-fold, the better one
what is told          `record`: rows of the table, what may be wrong (overtraining, optimism,
                      dependence on the mass), training record; `sculpting`: the spectrum's shape
on disk               `score_file`: JSON, additive scores as their terms, others as a table
====================  ===========================================================================

No event is read: the joint histograms that the processor fills anyway are the training sample.
"""
