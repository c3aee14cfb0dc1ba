"""Recorded traffic: who sent it, what was stopped and why, what a change would cut."""
