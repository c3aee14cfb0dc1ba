"""Real connections between real pods, compared with what the analyzer says of them."""
