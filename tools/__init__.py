"""Files, units and workers: what brings events to the processors and keeps what comes back.

===========  ====================================================================================
what         where
===========  ====================================================================================
settings     `samples` (the samples file), `units`
events in    `convert`: `csvfile`, `csvblocks`, `csvdiagnosis`, `tables` (any format), `declared`
             and `values` (what is refused), `staging` (all or nothing)
made up      `generate` and `universe`, from `recipe` and `landau`, written by `event_files`
chunks       `chunks` (files), `manifest` (what there is), `sources` (made where missing), `remote`
             (on other machines)
work         `executors` (a coffea processor over chunks, and the ledger), `pool` (any function in
             several processes)
written      `atomic` (whole files), `json_file`, `folders`, `locks` (one writer in a folder),
             `foreign` (what others wrote stays), `digests`, `provenance`
everywhere   `errors` (exit codes), `system_errors` (what the operating system says)
===========  ====================================================================================
"""
