"""The firewall: what a project declares, and everything that follows from it.

Pure Python: no network, no cluster, no AWS SDK, no Pulumi.
"""
