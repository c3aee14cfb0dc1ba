"""The demo: its story, its incident and its transcript."""
