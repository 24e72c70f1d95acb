"""The tray and its windows: Qt, and nothing but Qt and what it shows.

Floors, imports only go down: application > tray, window, popover > pages > widgets > commands, ledger_feed,
meter_process, single_instance, notifications > models > tasks, theme, tokens, fonts, formats. Views render one frozen
`Snapshot`; they never ask the ledger themselves.
"""
