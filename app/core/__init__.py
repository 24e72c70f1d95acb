"""Values and rules of the trade, standard library only: nothing here opens a file, a window or a socket."""
