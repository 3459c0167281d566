"""`email` and `slack` as steps, and both as notices of what happened elsewhere."""

import ast

from windlass.compiler.pipelines.code import Code, arguments, call
from windlass.compiler.pipelines.step_type import Config, Part, StepType
from windlass.compiler.pipelines.words import CONNECTION, EMAIL
from windlass.compiler.shapes import Either, Key, Listing, Record, Text
from windlass.domain.pipeline import Notice

_TO = Either(EMAIL, items=Listing(EMAIL, "the address", 50))
_EMAIL_KEYS = {
    "to": Key(_TO, "One address, or several.", required=True),
    "subject": Key(Text(), "The subject, a template."),
    "body": Key(Text(), "The text as HTML, a template."),
    "connection": Key(CONNECTION, "The SMTP connection; smtp_default where left out."),
    "from": Key(EMAIL, "The sender; that of the connection where left out."),
}
_SLACK_KEYS = {
    "channel": Key(Text(), "The channel, such as #data.", required=True),
    "text": Key(Text(), "The message, a template."),
    "connection": Key(CONNECTION, "The Slack connection; slack_api_default where left out."),
}
NOTICES = Listing(
    Record(
        {
            "email": Key(Record(_EMAIL_KEYS), "By e-mail."),
            "slack": Key(Record(_SLACK_KEYS), "To a channel of Slack."),
        },
        alternatives=(("email", "slack"),),
    ),
    "the notice",
    20,
)
_EMAIL_NAMES = {"to": "to", "from": "from_email", "subject": "subject", "body": "html_content"}


def notifier(notice: Notice, code: Code, text: str) -> ast.Call:
    """The callback that sends a notice; `text` is what it says where it says nothing itself."""
    found, given = notifier_parts(notice, code, text)
    return call(found, **given)


def notifier_parts(notice: Notice, code: Code, text: str) -> tuple[ast.Name, dict[str, object]]:
    """The class of a notifier, and what it is given."""
    if notice.channel == "email":
        found = code.use("airflow.providers.smtp.notifications.smtp", "SmtpNotifier")
        names = {**_EMAIL_NAMES, "connection": "smtp_conn_id"}
        default = {"subject": text, "html_content": text}
    else:
        found = code.use("airflow.providers.slack.notifications.slack", "SlackNotifier")
        names = {"connection": "slack_conn_id", "text": "text", "channel": "channel"}
        default = {"text": text}
    return found, {**default, **arguments(notice.values, names)}


def _emit_email(config: Config, code: Code) -> tuple[Part, ...]:
    operator = code.use("airflow.providers.smtp.operators.smtp", "EmailOperator")
    names = {**_EMAIL_NAMES, "connection": "conn_id"}
    return (Part(operator, arguments(config, names)),)


def _emit_slack(config: Config, code: Code) -> tuple[Part, ...]:
    operator = code.use("airflow.providers.slack.operators.slack", "SlackAPIPostOperator")
    names = {"connection": "slack_conn_id", "channel": "channel", "text": "text"}
    return (Part(operator, arguments(config, names)),)


EMAIL_STEP = StepType(
    "email",
    "1.0.0",
    "A message by e-mail.",
    {
        **_EMAIL_KEYS,
        "subject": Key(Text(), "The subject, a template.", required=True),
        "body": Key(Text(), "The text as HTML, a template.", required=True),
    },
    _emit_email,
    needs=("apache-airflow-providers-smtp",),
)
SLACK_STEP = StepType(
    "slack",
    "1.0.0",
    "A message to a channel of Slack.",
    {**_SLACK_KEYS, "text": Key(Text(), "The message, a template.", required=True)},
    _emit_slack,
    needs=("apache-airflow-providers-slack",),
)
