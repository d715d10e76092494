"""`python -m fakereg`."""

from fakereg.command.cli import main

raise SystemExit(main())
