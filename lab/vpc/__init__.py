"""An imitation of what AWS enforces in a VPC: it reads only the account, and judges the packets of the lab's node."""
