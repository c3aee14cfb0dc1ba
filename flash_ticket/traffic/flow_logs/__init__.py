"""VPC flow logs: the layout, the files, and the queries that read them."""
