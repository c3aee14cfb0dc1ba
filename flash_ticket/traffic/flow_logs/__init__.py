"""VPC flow logs: their layout in S3, their files, and the queries that read them."""
