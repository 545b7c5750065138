"""Histograms in, numbers and figures out: from spectra to the verdict, and the command `xyy`.

===========  ====================================================================================
what         where
===========  ====================================================================================
command      `cli`, `commands`, `console` (progress), `summary` (what a terminal shows at the end)
the way      `pipeline` (`xyy run`), `stages` (what each is made from), `status`, `folder`
decisions    `search` (the file), `decisions` (freeze, unblind), `history`, `stamps`, `program`
numbers      `process`, `optimise`, `statistics` by way of `infer_folder`
speed        `forecast` (`xyy plan`), `bench` (`xyy bench`)
figures      `results` (all that a folder holds), `figures` and `plots`
page         `report` and `page`
game         `game`: sealed universes, claims, scores
===========  ====================================================================================
"""
