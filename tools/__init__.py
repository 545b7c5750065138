"""Files, units and workers: what brings events to the processors and keeps what comes back.

===========  ====================================================================================
what         where
===========  ====================================================================================
settings     `samples` (the samples file), `units`
events in    `convert`: `file_conversion` and `sample_chunks`; `csvfile`, `csvblocks`,
             `csvdiagnosis`, `tables` (any format), `declared` and `values` (what is refused),
             `staging` (all or nothing), `conversion_ledger`
ntuples      `layouts` (how photons are stored), `content` and `ntuples` (any format), `trees`,
             `photons` and `standard` (standard columns), `photon_values` (what no photon has),
             `ntuple_conversion`, `identity` and `duplicates` (events that are there twice)
made up      `generate` and `universe`, from `recipe` and `landau`, written by `event_files`;
             `ntuple_generator`, from `photon_events` and `ntuple_columns`
chunks       `chunks` (files), `manifest` (what there is), `sources` (made where missing), `remote`
             (on other machines)
work         `executors` (a coffea processor over chunks, and the ledger), `pool` (any function in
             several processes)
written      `atomic` (whole files), `json_file`, `folders`, `locks` (one writer in a folder),
             `foreign` (what others wrote stays), `digests`, `provenance`
everywhere   `errors` (exit codes), `system_errors` (what the operating system says)
===========  ====================================================================================
"""
