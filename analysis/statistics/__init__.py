"""The statistics of the search: spectra in, results out, no file in between.

============  ===================================================================================
package       what is in it
============  ===================================================================================
spectra       bins, the signal model, what an inference starts from
minimiser     many likelihoods maximised at once (Fisher scoring), and the projection of variances
background    functions and their fits, sidebands, prediction, the choice of the function
counting      the count in the window and its significance
resonance     a peak on a background: scan, toys, global significance, measurement
limits        CLs: of the count, and of the shape against mass, asymptotic and by toys
============  ===================================================================================

`inference` (of events) and `spectrum_search` (of a binned spectrum) use all of them; `verdict`
judges; `limits_results` and `verdict` put it as result files have it.
"""
