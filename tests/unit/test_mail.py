"""Mail: what a server gets, what a folder holds, and what happens to mails that nobody takes."""

import asyncio
import email
import email.policy
import stat
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.mail import BackgroundMailer, ConsoleMailer, FolderMailer, NoMailer, SmtpMailer, open_mailer
from infra.settings import Environment, MailSettings
from models.errors import ConfigurationError, ServiceUnavailableError
from models.identity import Mail

MAIL = Mail(to="ada@example.com", subject="Grüße", text="A secret link: https://console.example.com/?token=abc\n")
SENDER = "perdure@example.com"


class SmtpScript:
    """A mail server that takes or refuses recipients, and speaks no TLS."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.commands: list[str] = []
        self.refuses = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode().strip():
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "RCPT" and self.refuses:
                self.refuses -= 1
                writer.write(b"451 later\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[SmtpScript, str]]:
    script = SmtpScript()
    server = await asyncio.start_server(script.talk, "127.0.0.1", 0)
    async with server:
        yield script, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


class FailingMailer:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        if self.failures:
            self.failures -= 1
            raise ServiceUnavailableError("not now")
        self.sent.append(mail)


async def test_a_mail_server_gets_the_mail() -> None:
    async with mail_server() as (script, address):
        await SmtpMailer(f"smtp://{address}", sender=SENDER).send(MAIL)
    message = email.message_from_bytes(script.mails[0], policy=email.policy.default)
    assert (message["To"], message["From"], message["Subject"]) == (MAIL.to, SENDER, "Grüße")
    assert "token=abc" in message.get_content()
    assert message["Message-ID"].endswith("@example.com>")


async def test_a_password_is_not_sent_in_the_clear() -> None:
    async with mail_server() as (script, address):
        mailer = SmtpMailer(f"smtp://user:hunter2@{address}", sender=SENDER)
        with pytest.raises(ServiceUnavailableError) as caught:
            await mailer.send(MAIL)
    assert "hunter2" not in str(caught.value)
    assert not any(command.upper().startswith("AUTH") for command in script.commands)
    assert script.mails == []


async def test_a_server_that_refuses_or_is_away_is_named() -> None:
    async with mail_server() as (script, address):
        script.refuses = 1
        with pytest.raises(ServiceUnavailableError):
            await SmtpMailer(f"smtp://{address}", sender=SENDER).send(MAIL)
    with pytest.raises(ServiceUnavailableError):
        await SmtpMailer(f"smtp://{address}", sender=SENDER).send(MAIL)


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://u:hunter2/x@h:25", "smtp://[h"]
)
def test_an_address_that_is_none_of_a_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SMTP_URL") as refused:
        SmtpMailer(url, sender=SENDER)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


async def test_a_line_end_in_a_subject_makes_no_header() -> None:
    async with mail_server() as (script, address):
        with pytest.raises(ValueError, match="linefeed"):
            await SmtpMailer(f"smtp://{address}", sender=SENDER).send(
                Mail(to=MAIL.to, subject="a\r\nBcc: eve@example.com", text="")
            )
    assert script.mails == []


async def test_a_folder_gets_files_for_us_alone(tmp_path: Path) -> None:
    await FolderMailer(tmp_path / "mails", sender=SENDER).send(MAIL)
    (path,) = (tmp_path / "mails").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["Subject"] == "Grüße"


async def test_nobody_waits_for_a_mail_and_failures_are_repeated() -> None:
    inner = FailingMailer(failures=2)
    mailer = BackgroundMailer(inner, pause_seconds=0)
    await mailer.send(MAIL)
    assert inner.sent == []
    await mailer.drain()
    assert inner.sent == [MAIL]


async def test_a_mail_that_nobody_takes_is_given_up() -> None:
    inner = FailingMailer(failures=100)
    mailer = BackgroundMailer(inner, pause_seconds=0)
    await mailer.send(MAIL)
    await mailer.drain()
    assert (inner.sent, inner.failures) == ([], 97)


async def test_settings_choose_and_production_prints_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mailer in (ConsoleMailer(), NoMailer()):
        await mailer.send(MAIL)
        assert ("token=abc" in capsys.readouterr().out) is isinstance(mailer, ConsoleMailer)
    opened = open_mailer(MailSettings(), Environment.PRODUCTION)
    await opened.send(MAIL)
    await opened.drain()
    assert "token=abc" not in capsys.readouterr().out
    opened = open_mailer(MailSettings(mail_folder=tmp_path / "mails"), Environment.PRODUCTION)
    await opened.send(MAIL)
    await opened.drain()
    assert len(list((tmp_path / "mails").iterdir())) == 1
    with pytest.raises(ConfigurationError):
        open_mailer(MailSettings(smtp_url=SecretStr("mail.example.com")), Environment.DEVELOPMENT)
