"""The command line: one file a command group. Nothing here computes; it reads what was typed and prints what is."""
