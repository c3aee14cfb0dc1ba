"""Answers as pictures: SVG and a page."""
