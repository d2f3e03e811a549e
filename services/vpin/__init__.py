"""How toxic is the order flow? Volume-synchronised toxicity of every instrument."""
