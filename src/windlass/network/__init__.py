"""How this process reaches others: through which proxy, and which authorities it believes."""
