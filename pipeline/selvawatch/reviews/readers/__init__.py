"""One file a form that answers come in, behind one table."""
