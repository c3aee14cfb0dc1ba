"""Whose the resources in the account are: this firewall's, another one's, or somebody else's."""
