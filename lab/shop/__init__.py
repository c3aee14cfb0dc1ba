"""The ticket shop on the lab's node: pods that answer, databases that listen, and the checks of its operators."""
