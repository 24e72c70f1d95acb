"""The keeper: a small process that holds the meter's listening sockets and starts the meter again when it dies.

A meter that binds its own ports takes them along when it dies, and until it is back every agent's connection is
refused (2,138 in five kills under 20 clients, measured). The kernel keeps a listening socket open as long as any
process has it, so a process that does nothing else holds them: connections that come meanwhile wait in its queue.

Why not the tray: whoever closes it, or works without one, would close the sockets too. Why not the service manager: not
everybody has one, and `bursar run` begins and ends with its agent; where there is one, it hands its sockets to the
keeper by the same protocol by which the keeper hands them on (`doors`). Why not two meters with SO_REUSEPORT: the
kernel gives each its share of the connections, also the one that is about to die.

It stands on nothing but a few modules of the standard library and is started without `site` (`python -I -S`): what is
small rarely dies. It opens no ledger and reads no request. It holds keys only where somebody handed them over on
standard input, since the next meter needs them too.

Asked to stop, it asks the meter, and ends with it. A meter that ended with status 0 was asked to, by the ledger or by
its last run, and the keeper ends too. One that died is started again at once; one that died five times within a minute
is not (`blocked`), until a person says so. Meanwhile each caller is answered with a 503 that says what to do: to be
refused the connection tells an agent nothing, and its SDK tries that again just the same. Told to (SIGHUP), it starts a
second meter on the same sockets, and lets the first end its calls once the second is ready.

If the keeper itself is killed, the meter goes on, since it has the sockets as well; whoever needs a meter after that
one starts another keeper. On Windows there is none: sockets are not inherited so simply there.

Floors: `__main__` > keeping > meters, refusing, notes > doors, arguments.
"""
