"""Judges of the packets of a test."""

from functools import partial

from lab.vpc.judge import Judge

judging = partial(Judge, room=256)
"""Makes a judge with room for the few kinds of packets that a test sends.

The kernel clears 36 MiB for a judge with all the room that there can be, each time that the judge writes its rules.
"""
