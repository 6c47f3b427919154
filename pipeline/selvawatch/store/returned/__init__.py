"""What people answered, as a store keeps it."""
