"""`python -m service.cli`: the `convserve` command where its script is not on the PATH."""

from service.cli import main

main()
