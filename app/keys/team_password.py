"""Where the password for the team's ledger lies: in the keyring, beside the providers' keys."""

TEAM_ENTRY = "team-ledger"
"""What it is called there. No provider is called so."""
