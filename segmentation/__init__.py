"""The firewall as values: what is declared, what it compiles to, and who can then reach whom.

Pure Python. Nothing here imports Pulumi, an AWS SDK or a Kubernetes client, and nothing here reads the network.
"""
