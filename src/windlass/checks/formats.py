"""What the credentials of well-known services look like, by the words of their makers.

Each has the literal text that it begins with (or holds), so that most files cost a search for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """The credentials of one service. `holds` are texts of which each match has one."""

    name: str
    holds: tuple[str, ...]
    pattern: re.Pattern[str]


def _format(name: str, holds: str, pattern: str) -> Format:
    bounded = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
    return Format(name, tuple(holds.split()), re.compile(bounded))


FORMATS = (
    # docs.aws.amazon.com, IAM identifiers: unique ID prefixes
    _format("an AWS access key", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    # docs.github.com, About authentication to GitHub: token formats
    _format("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    _format("a GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,250}"),
    # docs.gitlab.com, GitLab token overview: token prefixes
    _format("a GitLab token", "glpat- gldt- glrt- glcbt-", r"gl(?:pat|dt|rt|cbt)-[\w.-]{20,120}"),
    _format("a GitLab trigger token", "glptt-", r"glptt-[0-9a-f]{40}"),
    # api.slack.com, Token types; Sending messages using incoming webhooks
    _format("a Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    _format("a Slack token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,250}"),
    _format(
        "a Slack webhook",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services/T[A-Z0-9]{6,14}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{18,30}"
        r"|(?:workflows|triggers)/[A-Za-z0-9/]{30,120})",
    ),
    # cloud.google.com, Authenticate using API keys; developers.google.com, OAuth 2.0
    _format("a Google API key", "AIza", r"AIza[\w-]{35}"),
    _format("a Google client secret", "GOCSPX-", r"GOCSPX-[\w-]{28}"),
    _format("a Google access token", "ya29.", r"ya29\.[\w-]{30,300}"),
    # learn.microsoft.com, Configure Azure Storage connection strings; Microsoft Entra ID
    _format("an Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    _format("an Azure shared access key", "SharedAccessKey=", r"SharedAccessKey=[\w+/]{43}="),
    _format("an Azure signature", "sig=", r"sig=[A-Za-z0-9%]{43,63}%3[dD]"),
    _format("an Azure client secret", "8Q~", r"[\w~.-]{3}8Q~[\w~.-]{31,34}"),
    _format(
        "a Teams webhook",
        "webhook.office.com",
        r"webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}",
    ),
    # docs.stripe.com, API keys
    _format("a Stripe key", "sk_live_ rk_live_", r"(?:sk|rk)_live_[A-Za-z0-9]{16,250}"),
    # www.twilio.com/docs, SendGrid API keys; API keys
    _format("a SendGrid key", "SG.", r"SG\.[\w-]{22}\.[\w-]{43}"),
    # docs.npmjs.com, About access tokens; pypi.org/help, API tokens
    _format("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _format("a PyPI token", "pypi-", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,250}"),
    # docs.databricks.com, personal access tokens
    _format("a Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    # platform.openai.com, API keys; docs.anthropic.com, API keys; huggingface.co, access tokens
    _format("an OpenAI key", "T3BlbkFJ", r"sk-[\w-]{20,80}T3BlbkFJ[\w-]{20,80}"),
    _format("an OpenAI key", "sk-proj- sk-svcacct-", r"sk-(?:proj|svcacct)-[\w-]{40,250}"),
    _format("an Anthropic key", "sk-ant-", r"sk-ant-[a-z0-9]{3,8}-[\w-]{60,120}"),
    _format("a Hugging Face token", "hf_", r"hf_[A-Za-z]{34}"),
    _format("a Groq key", "gsk_", r"gsk_[A-Za-z0-9]{48,60}"),
    # docs.digitalocean.com, token format; docs.docker.com, access tokens
    _format("a DigitalOcean token", "dop_v1_ doo_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _format("a Docker token", "dckr_pat_", r"dckr_pat_[\w-]{27}"),
    # core.telegram.org/bots/api, Authorizing your bot; discord.com/developers, Webhook
    _format("a Telegram bot token", ":AA", r"\d{8,10}:AA[\w-]{33}"),
    _format(
        "a Discord webhook",
        "/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}",
    ),
    # docs.newrelic.com, API keys; documentation.mailgun.com; mailchimp.com/developer
    _format("a New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("a Mailgun key", "key-", r"key-[0-9a-f]{32}"),
    _format("a Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    # shopify.dev, access tokens; developer.squareup.com; developer.atlassian.com; linear.app
    _format("a Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _format("a Square token", "sq0", r"sq0(?:atp|csp)-[\w-]{22,43}"),
    _format("an Atlassian token", "ATATT3", r"ATATT3[\w=-]{50,250}"),
    _format("a Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _format("a Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,60}"),
    _format("an Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    # developer.hashicorp.com, Vault tokens; HCP Terraform API tokens; docs.doppler.com
    _format("a Vault token", "hvs. hvb.", r"hv[sb]\.[\w-]{24,200}"),
    _format("a Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}"),
    _format("a Doppler token", "dp.", r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,80}"),
    # grafana.com/docs, service accounts; docs.getdbt.com, authentication tokens
    _format("a Grafana token", "glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    _format("a dbt token", "dbtc_ dbtu_", r"dbt[cu]_[\w-]{30,120}"),
    # docs.sentry.io, auth tokens; learning.postman.com; jfrog.com/help; age-encryption.org
    _format("a Sentry token", "sntry", r"sntry[su]_[\w.=+/-]{40,300}"),
    _format("a Postman key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("an Artifactory key", "AKCp", r"AKCp[A-Za-z0-9]{60,80}"),
    _format("an age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    # RFC 7519, JSON Web Token
    _format("a signed token (JWT)", "eyJ", r"eyJ[\w-]{10,1000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}"),
)

# RFC 7468, and OpenSSH's PROTOCOL.key. Words in code that look for one have no key after them.
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:\\n|\\r|[\s\"'+])*[A-Za-z0-9+/=]{32}"
)
_EXAMPLE = re.compile(r"(?i)example|x{6}|0{8}|1234567890?abc|abcdefgh")


_PARTS = [(part, form) for form in FORMATS for part in form.holds]
_MIN_LENGTH = 20  # of every format, and none has a space in it


def find_formats(text: str) -> Iterator[tuple[str, int, str]]:
    """Every credential of a known format: what it is, where it begins, and it itself."""
    long = "\n".join([word for word in text.split() if len(word) >= _MIN_LENGTH])
    for form in dict.fromkeys([form for part, form in _PARTS if part in long]):
        if not form.pattern.search(long):  # much shorter than the text, mostly
            continue
        for found in form.pattern.finditer(text):
            if not _EXAMPLE.search(found[0]):  # the makers' own examples
                yield form.name, found.start(), found[0]
    if text.startswith("PuTTY-User-Key-File-") and "\nPrivate-Lines:" in text:
        yield "a private key", 0, text[:40]
    if "PRIVATE KEY" in text:
        for found in PRIVATE_KEY.finditer(text):
            yield "a private key", found.start(), found[0]
