"""The endpoints: one file per resource, one plain function per endpoint."""
