"""Reads the cluster, the AWS account, the logs and the stack. It never writes."""
