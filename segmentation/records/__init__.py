"""Denied and recorded traffic as logs tell it: a module a source, all of them to one typed record."""
