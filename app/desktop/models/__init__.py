"""What the windows show, as plain values and item models; no widgets."""
