"""Where state is kept: folders, the ledger, and the commit that makes a run current."""
