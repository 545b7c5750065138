"""Which events are kept: cuts, scores, and the choice between them."""
