"""What an alert stands on, in one file that can be handed in, checked, and made again."""
