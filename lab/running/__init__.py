"""Starts, drives and ends a lab: its processes, the engine, a copy of the program."""
