import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BlockError
from models.media import (
    MAX_NAME_BYTES,
    MediaFile,
    clean_file_name,
    decode_text,
    parse_data_uri,
    to_data_uri,
)


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("data:,a%20b", MediaFile("file.txt", "text/plain", b"a b")),
        ("data:text/csv;charset=utf-8,a,b", MediaFile("file.csv", "text/csv", b"a,b")),
        ("DATA:Image/PNG;BASE64,aGk=", MediaFile("file.png", "image/png", b"hi")),
        ("data:text/plain;base64,aGk", MediaFile("file.txt", "text/plain", b"hi")),
        ("data:text/plain;base64,a G\r\nk=", MediaFile("file.txt", "text/plain", b"hi")),
        ("data:text/plain;base64,aGk%3D", MediaFile("file.txt", "text/plain", b"hi")),
        ("data:text/plain;base64,_-8", MediaFile("file.txt", "text/plain", b"\xff\xef")),
        ("data:text/plain;name=My%20letter.md;base64,aGk=", MediaFile("My letter.md", "text/plain", b"hi")),
        ("data:text/plain;filename=..%2F..%2Fetc%2Fpasswd,x", MediaFile("passwd", "text/plain", b"x")),
        ("data:not a type,x", MediaFile("file.bin", "application/octet-stream", b"x")),
        ("data:;base64,", MediaFile("file.txt", "text/plain", b"")),
    ],
)
def test_parse_data_uri(uri: str, file: MediaFile) -> None:
    assert parse_data_uri(uri) == file


@pytest.mark.parametrize("uri", ["data:", "data:text/plain", "data:;base64,a", "data:;base64,ü", "data:;base64,a=b"])
def test_refuses_what_is_no_data_uri(uri: str) -> None:
    with pytest.raises(BlockError, match="Not a data URI"):
        parse_data_uri(uri)


@given(st.binary(max_size=200))
def test_data_uris_keep_every_byte(data: bytes) -> None:
    assert parse_data_uri(to_data_uri(MediaFile("x", "image/png", data))).data == data


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("letter.txt", "letter.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "file"),
        ("", "file"),
        (" . ", "file"),
        ("a/", "file"),
        (".hidden", "hidden"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("a\x00b\n\u202etxt", "a_b__txt"),
        ('<a>:"|?*', "_a______"),
        ("e\u0301.txt", "é.txt"),
        ("x" * 300 + ".tar.gz", "x" * 252 + ".gz"),
        ("é" * 200 + ".txt", "é" * 125 + ".txt"),
        ("\U0001f600.png", "\U0001f600.png"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_clean_file_name(name: str, clean: str) -> None:
    assert clean_file_name(name) == clean


@given(st.text(st.characters(exclude_categories=[]), max_size=400))
def test_cleaned_names_are_one_component(name: str) -> None:
    clean = clean_file_name(name)
    assert clean_file_name(clean) == clean
    assert 0 < len(clean.encode()) <= MAX_NAME_BYTES
    assert clean not in (".", "..")
    assert not set(clean) & set('/\\\0<>:"|?*')


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), ("é".encode(), "é"), (b"\xe9", "é"), (b"\xef\xbb\xbfx", "x"), (b"\xff", "ÿ")]
)
def test_decode_text(data: bytes, text: str) -> None:
    assert decode_text(data) == text
