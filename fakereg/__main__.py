"""`python -m fakereg`."""

from fakereg.cli import main

raise SystemExit(main())
