"""Names without markup, and rich text with what is allowed of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.hygiene import RICH_ATTRIBUTES, RICH_TAGS, plain_name, rich_text


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Plain", "Plain"),
        ("<b>Bold</b> & co", "Bold & co"),
        ("a < b & c > d", "a < b & c > d"),
        ("I <3 \"quotes\" & 'more'", "I <3 \"quotes\" & 'more'"),
        ("&lt;b&gt; stays", "&lt;b&gt; stays"),
        ("<script>alert(1)</script>Agent", "Agent"),
        ("<<b>script>alert(1)</script>", ""),
        ("Agent <img src=x onerror=alert(1)", "Agent"),
        ("<!-- note -->Agent", "Agent"),
        ("  two\n\tlines ", "two lines"),
        ("left\u202eright\x00", "leftright"),
        ("名前 é", "名前 é"),
    ],
)
def test_names_are_plain_text(given: str, name: str) -> None:
    assert plain_name(given) == name


@given(st.text(alphabet="<>ab/!-&; \"'=script", max_size=200))
def test_a_name_never_holds_the_start_of_a_tag_and_cleaning_it_again_changes_nothing(text: str) -> None:
    name = plain_name(text)
    assert plain_name(name) == name
    assert not any(f"<{start}" in name for start in "abscript/!")


@pytest.mark.parametrize("tag", sorted(RICH_TAGS - {"br", "img"}))
def test_allowed_tags_stay(tag: str) -> None:
    html = f'<{tag} class="x">text</{tag}>'
    assert rich_text(html) == html


def test_allowed_attributes_stay_and_others_go() -> None:
    assert RICH_ATTRIBUTES["a"] == {"href", "title"}
    given = (
        '<a href="https://example.com/a?b=1" title="t" rel="x" target="_blank" onclick="x">link</a><br>'
        '<img src="http://example.com/i.png" alt="a" width="1" height="2" onerror="x" style="x">'
    )
    assert rich_text(given) == (
        '<a href="https://example.com/a?b=1" title="t">link</a><br>'
        '<img src="http://example.com/i.png" alt="a" width="1" height="2">'
    )


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        " javascript:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "//evil.example.com",
        "/relative",
        "relative",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "https:",
    ],
)
def test_addresses_lead_to_the_web_only(address: str) -> None:
    assert rich_text(f'<a href="{address}">x</a>') == "<a>x</a>"
    assert rich_text(f'<img src="{address}">') == "<img>"


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("<script>alert(1)</script>text", "text"),
        ("<style>p{}</style>text", "text"),
        ("<iframe src='https://example.com'></iframe>text", "text"),
        ("<b>not on the list</b>", "not on the list"),
        ("<svg><p><style><img src=x onerror=alert(1)></style></p></svg>", "<p></p>"),
        ("<!-- note -->text", "text"),
        ("<p>a & b</p>", "<p>a &amp; b</p>"),
        ("a & b < c, \"quoted\" & 'more'\nnext line", "a & b < c, \"quoted\" & 'more'\nnext line"),
    ],
)
def test_rich_text(given: str, cleaned: str) -> None:
    assert rich_text(given) == cleaned


@given(st.text(alphabet="<>ab/!-&; \"'=hrefp", max_size=200))
def test_cleaning_rich_text_again_changes_nothing(text: str) -> None:
    once = rich_text(text)
    assert rich_text(once) == once
