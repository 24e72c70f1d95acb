"""Keys: the vault that holds the providers' own keys, and the virtual keys that agents hold in their place."""
