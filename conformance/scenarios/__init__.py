"""The scenarios: each asserts the requirements that it is bound to, and needs nothing that another one did."""
