"""Policies that allow domain names: their forms, and names as addresses that stand for them."""
