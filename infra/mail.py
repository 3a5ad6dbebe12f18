"""Mail: through SMTP, into a folder, or not at all; handed over in the background, so that nobody waits for it."""

import asyncio
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog

from infra.settings import Environment, MailSettings
from models.errors import ConfigurationError, ServiceUnavailableError
from models.identity import Mail, Mailer
from models.ids import new_id

_SECONDS: Final = 20
_ATTEMPTS: Final = 3
_MAX_WAITING: Final = 1_000

_log = structlog.get_logger(__name__)


class SmtpMailer:
    """The port Mailer. A password is sent over TLS only.

    Args:
        url: smtp://user:password@host:port (STARTTLS if the server offers it, always before a password), or smtps://.

    Raises:
        ConfigurationError: not such an address.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:  # which quotes what may be part of a password
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in ("smtp", "smtps") or not host:
            raise ConfigurationError("SMTP_URL must look like smtp://user:password@host:587 or smtps://...:465.")
        self._tls_first = parts.scheme == "smtps"
        self._host = host
        self._port = port or (465 if self._tls_first else 587)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        try:
            await asyncio.to_thread(self._send, _message(mail, sender=self._sender))
        except (OSError, smtplib.SMTPException) as error:
            raise ServiceUnavailableError(
                f"The mail server refuses or does not answer: {type(error).__name__}."
            ) from error

    def _send(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self._tls_first:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        with server:
            server.ehlo()
            if not self._tls_first and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self._tls_first and self._user:
                raise smtplib.SMTPNotSupportedError("no STARTTLS")
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message)


class FolderMailer:
    """The port Mailer: one file per mail, readable by us alone, and a line in the log that names it."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        path = await asyncio.to_thread(self._write, _message(mail, sender=self._sender))
        _log.info("mail.written", file=path.name, subject=mail.subject)

    def _write(self, message: EmailMessage) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{new_id()}.eml"
        path.touch(mode=0o600)
        path.write_bytes(message.as_bytes())
        return path


class ConsoleMailer:
    """The port Mailer, for development: prints mails, with the secrets in them."""

    async def send(self, mail: Mail) -> None:
        _log.info("mail.printed", subject=mail.subject)
        print(f"--- mail to {mail.to}: {mail.subject}\n{mail.text}\n---", flush=True)  # noqa: T201


class NoMailer:
    """The port Mailer of an installation that sends none."""

    async def send(self, mail: Mail) -> None:
        _log.error("mail.not_sent", subject=mail.subject, reason="SMTP_URL is not set")


class BackgroundMailer:
    """The port Mailer: takes mails at once and hands them to another, again after a failure."""

    def __init__(self, mailer: Mailer, *, pause_seconds: float = 2.0) -> None:
        self._mailer = mailer
        self._pause_seconds = pause_seconds
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, mail: Mail) -> None:
        if len(self._under_way) >= _MAX_WAITING:
            raise ServiceUnavailableError("Too many mails are waiting for the mail server.")
        task = asyncio.create_task(self._deliver(mail))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def drain(self) -> None:
        """Waits until every mail taken so far was sent or given up."""
        await asyncio.gather(*self._under_way)

    async def _deliver(self, mail: Mail) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._mailer.send(mail)
            except (ServiceUnavailableError, OSError) as error:
                _log.warning("mail.failed", subject=mail.subject, attempt=attempt, reason=str(error))
                if attempt < _ATTEMPTS:
                    await asyncio.sleep(self._pause_seconds * attempt)
            else:
                return


def open_mailer(settings: MailSettings, environment: Environment) -> BackgroundMailer:
    """What the settings name; without any, mails are printed in development and lost, with an error, in production.

    Raises:
        ConfigurationError: SMTP_URL cannot be used.
    """
    if settings.smtp_url is not None and settings.smtp_url.get_secret_value():
        chosen: Mailer = SmtpMailer(settings.smtp_url.get_secret_value(), sender=settings.mail_from)
    elif settings.mail_folder is not None:
        chosen = FolderMailer(settings.mail_folder, sender=settings.mail_from)
    else:
        chosen = NoMailer() if environment is Environment.PRODUCTION else ConsoleMailer()
    return BackgroundMailer(chosen)


def _message(mail: Mail, *, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message
