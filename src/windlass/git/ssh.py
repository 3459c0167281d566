"""The ssh command that git runs, and the keys that a host shows.

ssh reads no configuration, asks nobody, offers one key, and believes a host only where its key is
among those that were pinned (security rules S1 and S2).
"""

import base64
import binascii
import hashlib
import re
import shlex
from typing import NamedTuple

from windlass.domain.errors import Conflict, Unavailable
from windlass.domain.remote import DEFAULT_PORTS, RemoteUrl
from windlass.git.process import PATH, GitFailed, run_program
from windlass.network.addresses import Address

SCAN_LIMIT_S = 10
_CONNECT_LIMIT_S = 15

WELL_KNOWN = {
    "github.com": "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "gitlab.com": "AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    "bitbucket.org": "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
}
"""The Ed25519 host keys that these hosts publish: docs.github.com "GitHub's SSH key fingerprints"
(SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU), docs.gitlab.com "SSH host keys fingerprints"
(SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8), bitbucket.org/site/ssh
(SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM)."""


class HostKey(NamedTuple):
    """A public key of a host: its kind, such as ssh-ed25519, and its body in base64."""

    kind: str
    body: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: `SHA256:…`."""
        digest = hashlib.sha256(base64.b64decode(self.body)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def ssh_command(url: RemoteUrl, address: Address, *, key_path: str, known_hosts_path: str) -> str:
    """What GIT_SSH_COMMAND must be to reach `url` at `address`; options are ssh_config(5)'s."""
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": known_hosts_path,
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "HostKeyAlias": known_hosts_name(url),
        "HostName": str(address),
        "CanonicalizeHostname": "no",
        "CheckHostIP": "no",
        "IdentityFile": key_path,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": str(_CONNECT_LIMIT_S),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "PermitLocalCommand": "no",
        "ProxyCommand": "none",
        "ControlMaster": "no",
        "ControlPath": "none",
        "LogLevel": "ERROR",
    }
    words = ["ssh", "-F", "/dev/null", "-T"]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def known_hosts_name(url: RemoteUrl) -> str:
    """The host's name in known_hosts, with its port where that is not 22 (sshd(8))."""
    return url.host if url.port == DEFAULT_PORTS["ssh"] else f"[{url.host}]:{url.port}"


def known_hosts_line(url: RemoteUrl, key: HostKey) -> str:
    """The line of known_hosts that pins the key."""
    return f"{known_hosts_name(url)} {key.kind} {key.body}\n"


def shown_keys(url: RemoteUrl, address: Address) -> list[HostKey]:
    """The keys that the host shows now, by ssh-keyscan; nothing proves that they are its own.

    Raises Unavailable GIT006 where it shows none.
    """
    command = ["ssh-keyscan", "-T", str(SCAN_LIMIT_S), "-p", str(url.port)]
    try:
        printed = run_program(
            [*command, "-t", "ed25519,ecdsa,rsa", "--", str(address)],
            {"PATH": PATH, "LC_ALL": "C"},
            limit_s=3 * SCAN_LIMIT_S,
        )
    except GitFailed:
        printed = b""
    rows = (line.split() for line in printed.decode("ascii", "replace").splitlines())
    keys = [HostKey(row[1], row[2]) for row in rows if len(row) == 3 and _is_key(row[2])]
    if not keys:
        raise Unavailable("GIT006", f"{url.host} shows no ssh host key at port {url.port}")
    return sorted(set(keys), key=lambda key: (key.kind != "ssh-ed25519", key.kind))


def pinned_hosts(url: RemoteUrl, address: Address, fingerprint: str | None) -> str:
    """The known_hosts that pins the host: the key that its operator publishes where we know it,
    else the one it shows if that has the `fingerprint`.

    Raises Conflict GIT019, which names the fingerprints shown, where none was given or it is not
    one of them.
    """
    if fingerprint is None and url.host in WELL_KNOWN:
        return known_hosts_line(url, HostKey("ssh-ed25519", WELL_KNOWN[url.host]))
    keys = shown_keys(url, address)
    for key in keys:
        if key.fingerprint == fingerprint:
            return known_hosts_line(url, key)
    shown = ", ".join(f"{key.kind} {key.fingerprint}" for key in keys)
    if fingerprint is None:
        raise Conflict(
            "GIT019",
            f"the ssh host key of {known_hosts_name(url)} is not known; it shows {shown}",
            "Compare with what the host's operator publishes, then repeat with "
            f"--host-key {keys[0].fingerprint}, or give --known-hosts FILE.",
        )
    raise Conflict(
        "GIT019",
        f"the ssh host key of {known_hosts_name(url)} is not {fingerprint[:100]!r}; "
        f"it shows {shown}",
        "Somebody may stand between; compare with what the host's operator publishes.",
    )


def _is_key(body: str) -> bool:
    try:
        return len(base64.b64decode(body, validate=True)) > 16
    except binascii.Error:
        return False


def holds_host(known_hosts: str) -> bool:
    """Whether a known_hosts file names any host at all; its lines are ssh's to judge."""
    return bool(re.search(r"^\s*[^#\s]\S*\s+\S+\s+[A-Za-z0-9+/=]{20,}", known_hosts, re.MULTILINE))
