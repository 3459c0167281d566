"""Git hosts: how each proves and words its calls. One module for each, listed in `forges.verify`.

A module meets `forges.forge.Forge`. It is pure: bytes and headers in, values out.
"""
