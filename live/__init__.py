"""What runs now: reads of the AWS account, the cluster and the stack's configuration; nothing here changes anything."""
