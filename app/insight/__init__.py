"""Questions asked of the ledger, answered by pure functions over core values: no SQL, no files, no clock."""
