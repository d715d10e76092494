"""The scenarios. Each asserts the requirements that it is bound to, and needs no other scenario to run before it."""
