"""The commands of `xyy`, thin: read the settings, call the stage, print its result."""
