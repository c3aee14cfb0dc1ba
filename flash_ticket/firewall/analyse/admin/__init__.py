"""Policies of administrators (policy.networking.k8s.io): their values, their reading, and what they decide."""
