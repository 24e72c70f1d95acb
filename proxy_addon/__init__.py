"""The meter: a local server that agents call in the place of their provider.

A call is told who pays (`identify`), read (`shapes`), held for (`gate`), given the real key, sent, watched (`tap`) and
settled (`ending`). mitmproxy carries the bytes; `addon` is its hooks and `__main__` its process, and nothing else
here knows of it. What is written goes over a line (`recorder`) to a process that does nothing else (`writer`,
`writer_process`).

Three promises. Not a byte is changed that was not meant: answers pass chunk by chunk, and the only edit of a request is
the key. No prompt, answer or key is stored: they are counted and forgotten. And a fault of ours never spends money: the
real key is put on the wire last, so whatever breaks before leaves a call the provider refuses.
"""
