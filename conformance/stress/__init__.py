"""Generated traffic for registries: what examples do not find.

`python -m conformance stress [TARGET]` runs the parts of this package within a budget of time (see
`command.py`) and prints figures. Needs `pip install 'fakereg[stress]'`.
"""
