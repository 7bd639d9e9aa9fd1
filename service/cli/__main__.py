"""`python -m service.cli`: the `convserve` command for interpreters whose scripts are not on the PATH."""

from service.cli import main

main()
