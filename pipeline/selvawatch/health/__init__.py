"""What an operator must know and do next: findings on layers, sources, a store, and the scheduler."""
