"""The stages of an analysis, and what each depends on."""
