"""Loss of others before it is counted: when it was lost, how much it is, what is odd about it."""
