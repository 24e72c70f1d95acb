"""Bursar meters, caps and explains what coding agents spend.

Two processes share one file. The *app* is the tray, its windows and the command line; the *meter* (`proxy_addon`) is a
local proxy that agents are pointed at. They never call one another: they meet in the *ledger*, one SQLite file in WAL
mode, whose data version tells each side that the other has written. The app writes caps, keys and answers; the meter
writes calls, reservations and questions, in a process of its own that the proxy does not wait for. Either may die or
be closed without the other noticing. The ledger is backed up by whichever runs; damaged or lost, it is never replaced
by an empty one, and nothing is sent until it is back.

One call: an agent sends it to the meter with a virtual key in the place of a provider key. The meter finds out who pays
(project, agent, user, task), reads from the request the most it can cost, and asks the ledger to hold that much in
every cap the call counts in, in one transaction: all of them or none. Held, the virtual key is swapped for the
provider's own as the last thing before the wire, the answer passes through chunk by chunk while its usage is read, and
what it truly cost takes the place of what was held. Not held, the call waits for a person (`pause`) or is refused in
the provider's own error shape (`block`). Money is reserved before it is spent, never checked first and spent later.

The floors of this package, imports going down only:

- `__main__`, `cli`: what a person types. Reads arguments, prints, computes nothing.
- `desktop`: Qt and nothing but Qt. Views are drawn from one frozen snapshot of the ledger.
- `services`: a person's machine. Settings, the meter's process, jobs, agents' environments, imports, the demo.
- `insight`: questions asked of the ledger, pure functions: a week's review, why a task cost more, forecasts.
- `keys`: the vault (the system's keyring) and virtual keys, of which the ledger knows only fingerprints.
- `ledger`: the only SQL. Values leave it as frozen dataclasses.
- `pricing`: what a call costs and the most it can cost; the only door to the price data.
- `core`: values and rules, standard library only. Money is a whole number of nano-dollars; unknown is None, never 0.
- `paths`, `whole_file`, `log`: the ground. Where files are, files written whole or not, and a log without keys in it.

`proxy_addon` stands on the same ground, but on nothing from `services` upwards; this package never imports it, it
starts it. `lint-imports` holds both to that. No prompt, answer or key is ever written to the ledger or to a log.
"""
