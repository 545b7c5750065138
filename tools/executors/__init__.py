"""Running a coffea processor over chunks: what coffea leaves to its users, in one room.

==============  =================================================================================
what            where
==============  =================================================================================
how             `execution` (which engine, how many workers, which cluster)
the plan        `work` (from the manifest, in batches of a second or two)
one batch       `guarded` (checked before use; a failure is listed, not raised), `function` (bytes
                to events to the processor), by way of `memory_source`; `memory` (kept, not grown)
engines         `local` (``iterative`` in this process, ``futures`` in a pool of processes),
                `in_dask` (``dask``: `dask_tasks` on the workers of a `session`, which `clusters`
                start, `versions` checks, and `shipping` sends our code to)
what is kept    `checkpoints` (what each chunk gave), `sparse` (histograms as bytes)
what came back  `ledger` (planned against processed)
all together    `runner`; `anywhere` (any other function, on the same engines), `kept` (of which
                finished tasks are kept)
==============  =================================================================================
"""

from tools.executors.anywhere import completed, survived
from tools.executors.checkpoints import Checkpoints
from tools.executors.execution import Execution
from tools.executors.ledger import Failure, Outcome, SampleLedger
from tools.executors.runner import Report, run
from tools.executors.session import Session
from tools.executors.work import plan

__all__ = [
    "Checkpoints",
    "Execution",
    "Failure",
    "Outcome",
    "Report",
    "SampleLedger",
    "Session",
    "completed",
    "plan",
    "run",
    "survived",
]
