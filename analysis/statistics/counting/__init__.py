"""The count in the window."""
