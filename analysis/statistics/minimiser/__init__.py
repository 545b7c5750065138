"""How fits find their minimum."""
