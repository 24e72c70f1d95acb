"""The pages of the window and the dialogs they open."""
