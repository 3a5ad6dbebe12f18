"""docs/execution-queries.md tells what the grammar does."""

import re
from pathlib import Path

import pytest

from models.errors import InvalidRequestError
from models.execution_query.fields import LISTABLE, OPERATORS, Field
from models.execution_query.parser import MAX_NESTING, MAX_TERMS, parse_execution_query
from models.execution_query.times import parse_duration, parse_time
from models.execution_query.tokens import MAX_CHARACTERS

TEXT = (Path(__file__).parents[2] / "docs/execution-queries.md").read_text()


def examples(kind: str) -> list[str]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("query", examples("query"))
def test_an_example_is_understood(query: str) -> None:
    assert parse_execution_query(query) is not None


@pytest.mark.parametrize("query", examples("refused"))
def test_an_example_of_an_error_is_one(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_execution_query(query)


def test_examples_in_sentences_are_understood() -> None:
    sentences = re.sub(r"^(```.*?^```|\|.*?$)", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    queries = [span for span in code(sentences) if re.match(r"(NOT )?[A-Za-z_]+ (=|!=|~|>|>=|<) ", span)]
    assert len(queries) >= 8
    for query in queries:
        assert parse_execution_query(query) is not None, query


def test_the_table_of_fields_is_complete() -> None:
    for field, (name, also, kind, meaning) in zip(Field, rows("Fields"), strict=True):
        facts = field.facts
        assert code(name) == [field.value]
        assert {synonym.lower() for synonym in code(also)} - {field.value} == {
            synonym.lower() for synonym in facts.synonyms
        }
        assert kind.partition(",")[0] == facts.kind.name.lower()
        assert ("`none`" in kind) == facts.optional
        if facts.choices:
            assert meaning.split(", ") == list(facts.choices)


def test_the_table_of_operators_is_complete() -> None:
    for kind, (name, operators) in zip(OPERATORS, rows("Operators"), strict=True):
        assert name == kind.name.lower()
        assert code(operators) == [*OPERATORS[kind], *(["IN"] if kind in LISTABLE else [])]


def test_values_and_limits_are_as_told() -> None:
    told = TEXT.partition("## Values")[2].partition("```")[0]
    durations, times = (
        code(part) for part in re.findall(r"- \*\*(?:Durations|Times)\*\*(.*?)(?=\n- )", told, re.DOTALL)
    )
    assert all(parse_duration(text) or parse_duration(f"1{text}") for text in durations)
    assert all(parse_time(text.strip('"')) for text in times)
    limits = " ".join(TEXT.partition("## Limits and errors")[2].split())
    assert f"{MAX_CHARACTERS:,} characters, {MAX_TERMS} comparisons".replace(",", " ", 1) in limits
    assert f"{MAX_NESTING} levels" in limits
