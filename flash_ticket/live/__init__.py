"""Reads the cluster, the AWS account, the logs and the stack; never writes."""
