"""What Windlass asks of Git hosts: one module for each API, made by `forges.clients.open`."""
