"""`bursar doctor`: what is installed, what is seen, what goes around the meter, and the fix for each."""
