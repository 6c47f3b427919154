"""When: dates of layers and of loss, read in forms that are named, or refused."""
