"""Blocks that ask services on the web."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from activities.blocks._credentials import credentials_of
from activities.blocks.awaited._declaring import Pins, awaited, missing
from models.blocks import BlockCategory, pin

_EGRESS = missing("the HTTP egress client")
_EGRESS_AND_CREDENTIALS = missing("the HTTP egress client and a store of credentials")

_Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
_File = Annotated[str, WithJsonSchema({"type": "string", "format": "file"})]


def _request_pins() -> Pins:
    return {
        "url": (str, pin(description="Address of the request")),
        "method": (_Method, pin("POST", description="HTTP method")),
        "headers": (dict[str, str], pin({}, description="Headers of the request")),
        "json_format": (bool, pin(True, title="JSON format", description="Send the body as JSON, else as a form")),
        "body": (dict[str, Any] | None, pin(None, description="Body of the request")),
        "files_name": (str, pin("file", description="Name of the form field for files")),
        "files": (list[_File], pin([], description="Files to send with the form")),
    }


def _response_pins() -> Pins:
    return {
        "response": (Any, pin(description="Body of a successful answer (2xx)")),
        "client_error": (Any, pin(description="Body of an answer that blames the request (4xx)")),
        "server_error": (Any, pin(description="Body of any other answer")),
    }


SendWebRequestBlock = awaited(
    __name__,
    "SendWebRequestBlock",
    id="6595ae1f-b924-42cb-9a41-551a0611c4b4",
    description="Sends an HTTP request.",
    categories=(BlockCategory.OUTPUT,),
    disabled=_EGRESS,
    inputs=_request_pins(),
    outputs=_response_pins(),
)

SendAuthenticatedWebRequestBlock = awaited(
    __name__,
    "SendAuthenticatedWebRequestBlock",
    id="fff86bcd-e001-4bad-a7f6-2eae4720c8dc",
    description="Sends an HTTP request with the headers that are stored for its host.",
    categories=(BlockCategory.OUTPUT,),
    disabled=_EGRESS_AND_CREDENTIALS,
    inputs={
        **_request_pins(),
        "credentials": (
            credentials_of("http", kind="host_scoped", discriminator="url"),
            pin(description="Headers for the host of the address"),
        ),
    },
    outputs=_response_pins(),
)


class FeedEntry(BaseModel):
    title: str
    link: str
    description: str
    pub_date: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    author: str
    categories: list[str]


ReadRSSFeedBlock = awaited(
    __name__,
    "ReadRSSFeedBlock",
    id="5ebe6768-8e5d-41e3-9134-1c7bd89a8d52",
    aliases=("c6731acb-4105-4zp1-bc9b-03d0036h370g",),
    description="Reads the new entries of an RSS or Atom feed, once or again and again.",
    categories=(BlockCategory.INPUT,),
    disabled=_EGRESS,
    inputs={
        "rss_url": (str, pin(description="Address of the feed")),
        "time_period": (int, pin(1440, description="Minutes to look back")),
        "polling_rate": (int, pin(description="Seconds to wait after each look")),
        "run_continuously": (bool, pin(True, description="Look again and again")),
    },
    outputs={
        "entry": (FeedEntry, pin(description="One entry")),
        "entries": (list[FeedEntry], pin(description="All entries of one look")),
    },
)

GetWikipediaSummaryBlock = awaited(
    __name__,
    "GetWikipediaSummaryBlock",
    id="f5b0f5d0-1862-4d61-94be-3ad0fa772760",
    aliases=("h5e7f8g9-1b2c-3d4e-5f6g-7h8i9j0k1l2m",),
    description="Gets the summary of an article of the English Wikipedia.",
    categories=(BlockCategory.SEARCH,),
    disabled=_EGRESS,
    inputs={"topic": (str, pin(description="Title of the article"))},
    outputs={"summary": (str, pin(description="Its summary"))},
)

GetWeatherInformationBlock = awaited(
    __name__,
    "GetWeatherInformationBlock",
    id="f7a8b2c3-6d4e-5f8b-9e7f-6d4e5f8b9e7f",
    description="Gets the current weather of a place from OpenWeatherMap.",
    disabled=_EGRESS_AND_CREDENTIALS,
    inputs={
        "location": (str, pin(description="The place")),
        "credentials": (credentials_of("openweathermap", kind="api_key"), pin(description="OpenWeatherMap API key")),
        "use_celsius": (bool, pin(True, description="Degrees Celsius, not Fahrenheit")),
    },
    outputs={
        "temperature": (str, pin(description="Degrees")),
        "humidity": (str, pin(description="Per cent")),
        "condition": (str, pin(description="The weather in words")),
    },
)

_JINA = credentials_of("jina", kind="api_key")

SearchTheWebBlock = awaited(
    __name__,
    "SearchTheWebBlock",
    id="87840993-2053-44b7-8da4-187ad4ee518c",
    aliases=("b2c3d4e5-6f7g-8h9i-0j1k-l2m3n4o5p6q7",),
    description="Searches the web through Jina and gives the texts of what it finds.",
    categories=(BlockCategory.SEARCH,),
    disabled=_EGRESS_AND_CREDENTIALS,
    inputs={
        "credentials": (_JINA, pin(description="Jina API key")),
        "query": (str, pin(description="What to search for")),
    },
    outputs={"results": (str, pin(description="The texts found"))},
)

ExtractWebsiteContentBlock = awaited(
    __name__,
    "ExtractWebsiteContentBlock",
    id="436c3984-57fd-4b85-8e9a-459b356883bd",
    aliases=("a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6",),
    description="Gets the content of a web page, cleaned by the Jina reader unless the raw page is wanted.",
    categories=(BlockCategory.SEARCH,),
    disabled=_EGRESS_AND_CREDENTIALS,
    inputs={
        "credentials": (_JINA, pin(description="Jina API key")),
        "url": (str, pin(description="Address of the page")),
        "raw_content": (bool, pin(False, description="Get the page itself, without the reader")),
    },
    outputs={"content": (str, pin(description="The content"))},
)

TranscribeYoutubeVideoBlock = awaited(
    __name__,
    "TranscribeYoutubeVideoBlock",
    id="f3a8f7e1-4b1d-4e5f-9f2a-7c3d5a2e6b4c",
    description="Gets the transcript of a YouTube video.",
    categories=(BlockCategory.SOCIAL,),
    disabled=_EGRESS_AND_CREDENTIALS,
    inputs={
        "youtube_url": (str, pin(description="Address of the video")),
        "credentials": (
            credentials_of("webshare_proxy", kind="user_password"),
            pin(description="Account of the proxy to ask through"),
        ),
    },
    outputs={
        "video_id": (str, pin(description="Id of the video")),
        "transcript": (str, pin(description="Its captions, line by line")),
    },
)


class MailServer(BaseModel):
    smtp_server: str = Field(description="Host of the SMTP server")
    smtp_port: int = Field(default=25, description="Its port")


SendEmailBlock = awaited(
    __name__,
    "SendEmailBlock",
    id="4335878a-394e-4e67-adf2-919877ff49ae",
    aliases=("a1234567-89ab-cdef-0123-456789abcdef",),
    description="Sends an e-mail of plain text through an SMTP server.",
    categories=(BlockCategory.OUTPUT,),
    disabled=missing("an SMTP client and a store of credentials"),
    inputs={
        "to_email": (str, pin(description="Address of the recipient")),
        "subject": (str, pin(description="Subject")),
        "body": (str, pin(description="Text of the mail")),
        "config": (MailServer, pin(description="The server to send it through")),
        "credentials": (credentials_of("smtp", kind="user_password"), pin(description="Account on that server")),
    },
    outputs={"status": (str, pin(description="That it was sent"))},
)
