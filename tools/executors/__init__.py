"""Running a coffea processor over chunks: what coffea leaves to its users, in one room.

==============  =================================================================================
what            where
==============  =================================================================================
how             `execution` (which engine, how many workers, which cluster)
the plan        `work` (from the manifest, in batches of about a second)
one batch       `guarded` (checked before use; a failure is listed, not raised)
engines         `local` (``iterative`` in this process, ``futures`` in a pool of processes)
what came back  `ledger` (planned against processed)
all together    `runner`
==============  =================================================================================
"""

from tools.executors.execution import Execution
from tools.executors.ledger import Failure, Outcome, SampleLedger
from tools.executors.runner import Report, run
from tools.executors.work import plan

__all__ = ["Execution", "Failure", "Outcome", "Report", "SampleLedger", "plan", "run"]
