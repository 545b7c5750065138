"""The page that tells the whole analysis: what its sections say, and how they become HTML."""
