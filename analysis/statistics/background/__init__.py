"""Background functions: families, fits, and the choice between them."""
