"""What people answered on alerts: read from files of other tools, matched, and what follows from it."""
