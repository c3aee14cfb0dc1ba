"""What others have deployed and a deployment takes over in place: which, in which order, and what is left over."""
