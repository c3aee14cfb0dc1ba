"""Flow logs of an imitated VPC: records of real packets, written as AWS writes them to where the account says."""
