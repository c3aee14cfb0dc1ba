"""What an IAM policy allows, and what the calls of a deployment need of it."""
