"""The protocol's error budget: how far each choice of the evaluation moves the numbers and the ranks."""
