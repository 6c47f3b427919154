"""The command line: selvawatch ..."""
