"""Who owns the resources in the account: this firewall, another one, or somebody else."""
