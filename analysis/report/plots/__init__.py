"""Figures in ATLAS style: functions of results that return a figure and save nothing."""
