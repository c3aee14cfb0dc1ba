"""Real connections between real pods, held against what the analyzer says of them."""
