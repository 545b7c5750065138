"""The statistics of the search: spectra in, documents out, no file in between.

===================  ==============================================================================
functions and fits   `families`, `fitted_function`; `scoring` (many likelihoods at once) under
                     `poisson` (backgrounds) and `peak` (a resonance on them); `projection`
the sidebands        `truths`, `candidates`, `sidebands`, `prediction`
the count            `counting`: significance; `cls` and `limits`: upper limit by pyhf
the shape            `signal_model`; `tournament` (`contest`, `entries`): the function under a peak;
                     `resonance`: the scan; `look_elsewhere`, `toys`; `measurement`; all in `shape`
limits by mass       `mass_limits`: `workspaces`, `template_fit`, `asymptotic`, `toy_limits`, `band`
a bare spectrum      `open_tournament`, `spectrum_search`
the whole            `inputs` -> `inference` (with `expectations`) -> `verdict`; `documents`,
                     `shape_documents`; `infer` does all of it
===================  ==============================================================================
"""
