"""`xyy inspect`: what a file is, what is wrong with it, and what to type next."""
