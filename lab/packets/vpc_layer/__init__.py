"""The VPC layer of a declaration put in force in an account, beside what others have there, and judged on packets."""
