"""What a call costs and the most it can cost. The only door to genai-prices."""
