"""A results folder: its files, its decisions and their history."""
