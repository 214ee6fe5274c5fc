"""The command line and a plain Python client: one API call, then rendering."""
