"""Files, units and workers: what brings events to the processors and keeps what comes back."""
