"""The commands: arguments, one call of the API, rendering."""
