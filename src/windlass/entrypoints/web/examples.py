"""One request of each kind, for the description of the API; a test sends each through its model."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "Problem": {
        "code": "REPO011",
        "message": "there is no repository 'nope'",
        "hint": "There are: team-dags.",
    },
    "RepositoryIn": {
        "url": "https://git.example/team/dags",
        "name": "team-dags",
        "branch": "main",
        "path": "dags",
        "sync_interval": "60s",
        "auth": {"username": "ci", "password": "a token that may only read"},
    },
    "RepositoryChangeIn": {"tag_pattern": "v*", "options": {"verdict_mode": "per_file"}},
    "BasicAuthIn": {"username": "ci", "password": "a token that may only read"},
    "CredentialIn": {
        "name": "git-example",
        "url": "https://git.example/team/dags",
        "auth": {"token": "a token that may only read"},
    },
    "TokenIn": {"token": "a token that may only read"},
    "KeyIn": {
        "private_key": "the text of a private key file",
        "known_hosts": "git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…",
    },
    "DeployTokenIn": {
        "username": "gitlab+deploy-token-7",
        "deploy_token": "a deploy token that may only read",
    },
    "AppIn": {"app_id": "123456", "app_private_key": "the text of the app's private key file"},
    "ReferenceIn": {"store": "vault", "reference": "secret/team/git#token"},
    "RotationIn": {"auth": {"token": "its successor"}, "keep_old_h": 24},
    "TestIn": {"url": "https://git.example/team/dags"},
    "DeployKeyIn": {"name": "git-example", "url": "git@git.example:team/dags"},
    "ConnectionIn": {"known_hosts_file": "/etc/ssh/ssh_known_hosts"},
    "KeyRotationIn": {"new_key": True},
    "SyncIn": {"revision": "3f9c2d1f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d"},
    "RollbackIn": {"reason": "wrong totals since #42", "hold": True},
    "HoldIn": {"reason": "incident 221", "expires": "4h"},
    "ReasonIn": {"reason": "looked at with the data platform team"},
    "EnvironmentIn": {
        "name": "prod",
        "airflow_url": "https://airflow.example",
        "login": {"username": "windlass", "password": "of Airflow's user windlass"},
        "bundles": 64,
    },
    "EnvironmentChange": {"bundles": 96},
    "LoginIn": {"username": "windlass", "password": "of Airflow's user windlass"},
    "ApplyIn": {"allow_removals": True},
    "PolicyIn": {"text": "deny_at: medium\napplies_to: {namespaces: [community]}\n"},
    "TryIn": {"name": "community", "text": "deny_at: medium\n"},
    "WaiverIn": {
        "rule": "POL101",
        "path": "legacy/**",
        "reason": "moves in May",
        "until": "2027-05-31",
        "repository": "team-dags",
    },
    "RegisterIn": {"kind": "github"},
    "RotateThereIn": {"keep": "24h"},
    "WebhookIn": {"kind": "github"},
    "RotateIn": {"keep": "24h"},
    "NamesIn": {"names": ["team-dags"]},
}
