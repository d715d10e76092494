"""A conformance suite that tells whether a server is a container registry as the OCI distribution specification has it.

Run it with `python -m conformance [TARGET]`, or with
`pytest --pyargs conformance.scenarios --conformance-target=TARGET`.
"""
