"""What each enforcer does at moments that no analysis of policies can know, measured by packets."""
