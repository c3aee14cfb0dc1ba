"""Connections to try in running pods, and what each answer means."""
