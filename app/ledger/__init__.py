"""The ledger: one SQLite file, and the only SQL in the program.

Two processes meet here and nowhere else. The meter writes calls, reservations, alerts and questions to a person; the
tray and the command line write caps, keys and answers. Every write transaction begins IMMEDIATE, so what is read in it
cannot change before it is written. Amounts are whole nano-dollars, instants are microseconds since 1970 in UTC.
"""
