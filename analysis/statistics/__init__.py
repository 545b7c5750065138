"""The statistics of the search: spectra in, documents out, no file in between.

=====================  =========================================================================
the background         `families`, `poisson` and `truths` are put together by `candidates`,
                       `sidebands` and `prediction`
the count              `counting`: significance; `cls` and `limits`: upper limit by pyhf
the peak               `spurious`: the function under it; `efficiency`; `resonance`: the fit
the whole              `inputs` -> `inference` (with `expectations`) -> `verdict`, `documents`;
                       `infer` does all of it
=====================  =========================================================================
"""
