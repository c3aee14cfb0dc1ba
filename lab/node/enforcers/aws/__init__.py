"""What EKS runs: the network policy agent of AWS, and an imitation of the controller that feeds it."""
