"""What leaves the ledger for other programs, in their own formats; prompts, answers and keys are not in it."""
