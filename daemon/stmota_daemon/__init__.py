"""The daemon: bridges, discovery, flash jobs, console logs, HTTP API, on trio."""
