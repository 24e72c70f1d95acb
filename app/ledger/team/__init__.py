"""The team's ledger: a PostgreSQL database that holds what the laptops of a team may spend together.

Its schema is `bursar`. Members log in with roles that may execute functions and nothing else: no table can be read or
written by hand. The functions take who speaks from the login and what time it is from the server's clock, lock windows
in one order, and do a thing once however often it is asked. The texts of the functions are in the modules named after
what they do; `migrations` puts them into a database, `ledger` calls them.
"""
