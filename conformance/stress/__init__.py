"""Generated traffic for registries, to find faults that examples miss.

`python -m conformance stress [TARGET]` runs the parts of this package within a budget of time (see
`command.py`) and prints figures. Needs `pip install 'fakereg[stress]'`.
"""
