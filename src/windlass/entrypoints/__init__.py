"""Command line, API and demo: parse, call the engine, render."""
