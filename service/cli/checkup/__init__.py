"""`convserve check`: what on this machine would make convserve fail or lose something, and how to mend it.

One module for each part that can be wrong: settings, files, Redis, the machine. Each yields findings and changes
nothing, except that a probe object is written to a store that exists. Not here: a running server, which answers
`/readyz`.
"""
