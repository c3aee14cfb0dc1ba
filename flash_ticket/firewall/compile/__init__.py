"""From the matrix and the environment to policies, security groups, flow log and notices."""
