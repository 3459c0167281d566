"""Structured logs: one event a line, JSON or for a terminal, tags from `domain.events`."""

import logging
import sys
from typing import Any, Literal

import structlog

from windlass.domain.text import plain

LogFormat = Literal["auto", "json", "console"]


def configure_logs(form: LogFormat, process: str) -> None:
    """Send every log record of this process to standard error, with its name in `process`.

    Records of libraries come the same way from level warning up.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,  # `sync`, within one
        lambda _logger, _method, record: {"process": process, **record},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderers: list[structlog.typing.Processor] = (
        [_plain_values, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if console
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("windlass").setLevel(logging.INFO)


def _plain_values(
    _logger: Any, _method: str, record: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Strings that cannot steer the terminal; what is no string is shown by its `repr`."""
    return {
        key: plain(value, block=key in ("exception", "stack")) if isinstance(value, str) else value
        for key, value in record.items()
    }
