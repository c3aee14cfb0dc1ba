"""What is at the edges of a stack: the load balancers in front of it, and the flow log that records its traffic."""
