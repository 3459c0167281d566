"""From the reference to the secret. Secrets at rest are encrypted with keys of `Keyring`."""
