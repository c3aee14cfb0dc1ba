"""Answers as pictures: SVG, and an HTML page."""
