"""How each agent is led to the meter: what it reads, what it ignores, and what of it cannot be metered at all."""
