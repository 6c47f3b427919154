"""What the current run gave out, as it stands with what people answered since."""
